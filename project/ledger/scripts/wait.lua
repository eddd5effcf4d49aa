-- Ends the running attempt of a job that waits for its child jobs: running → waiting.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          the attempt
--          when it ended
--          "all": the job continues when all child jobs are finished; "any": when the first is
--          how many other child jobs were finished before
--          the total for the progress; '': these and the ones finished before
--          the step of its progress
--          the child jobs' ids …
--
-- Answers {"waiting"}; {"ready"} if there is nothing to wait for; {"cancelled"} if the job was asked
-- to stop; or {"refused", status} if another attempt runs, or no attempt. A child job without a record
-- counts as finished.

local id, attempt, at, wake_on, ended, total, step = unpack(ARGV)
local FIRST = 8
local key, now = KEYS[1], now_ms()
local job = read(key)
if job.status ~= 'running' or job.attempt ~= attempt then return { 'refused', job.status or '' } end
if redis.call('HEXISTS', key, 'cancel_requested_at') == 1 then return { 'cancelled' } end

local needs, waited, left = 'jobs:needs:' .. id, #ARGV - FIRST + 1, 0
redis.call('DEL', needs)
for i = FIRST, #ARGV do
  local status = redis.call('HGET', 'job:' .. ARGV[i], 'status')
  if status and not FINISHED[status] then
    redis.call('SADD', needs, ARGV[i])
    left = left + 1
  end
end
if left == 0 or (wake_on == 'any' and left < waited) then
  redis.call('DEL', needs)
  return { 'ready' }
end

archive(key, job, 'suspended', at)
ended = tonumber(ended)
local wait = { ended, waited, tonumber(total) or ended + waited, step }
redis.call('HSET', key, 'status', 'waiting', 'wake_on', wake_on, 'wait', cjson.encode(wait),
  'progress', waiting_progress(wait, left), 'version', next_version(job, now))
redis.call('ZREM', LEASES, id)
file(job, id, 'waiting', now)
if redis.call('EXISTS', 'log:' .. id) == 1 then redis.call('HSET', key, 'has_log', 1) end
announce(key, id, job.owner)
return { 'waiting' }
