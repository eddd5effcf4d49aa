-- Appends lines to a job's own log, and notifies clients that follow it.
--
-- KEYS[1]  the job's hash
-- KEYS[2]  its log
-- ARGV[1]  the job's id
-- ARGV[2]  how many of the newest lines are kept, approximately
-- ARGV[3…] the place and the text of each line in turn
--
-- Without a record nothing is written: a log never outlives its job.

local job = redis.call('HMGET', KEYS[1], 'status', 'expires_at')
if not job[1] then return end
for i = 3, #ARGV, 2 do
  local added = redis.pcall('XADD', KEYS[2], ARGV[i], 'line', ARGV[i + 1])
  -- The line was sent before, or its attempt is over and a later attempt has logged meanwhile.
  if type(added) == 'table' and added.err and not string.find(added.err, 'equal or smaller', 1, true) then
    return added
  end
end
redis.call('XTRIM', KEYS[2], 'MAXLEN', '~', ARGV[2])
if job[2] then redis.call('PEXPIREAT', KEYS[2], job[2]) end
redis.call('PUBLISH', 'events:log:' .. ARGV[1], ARGV[#ARGV - 1])
