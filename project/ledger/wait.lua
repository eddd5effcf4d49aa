-- The running attempt ends, because its job waits for jobs that it has submitted: running → waiting.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          the attempt
--          when it ended
--          "all": the job goes on when all of them have ended; "any": as soon as one has
--          the jobs' ids …
--
-- Answers {"waiting", record…}; {"ready"} where there is nothing to wait for; {"cancelled"} where the
-- job was asked to stop; or {"refused", status} where another attempt runs, or none. A job without a
-- record has ended for this purpose.

local id, attempt, at, wake_on = unpack(ARGV)
local key, now = KEYS[1], now_ms()
local job = read(key)
if job.status ~= 'running' or job.attempt ~= attempt then return { 'refused', job.status or '' } end
if redis.call('HEXISTS', key, 'cancel_requested_at') == 1 then return { 'cancelled' } end

local needs, total, left = 'jobs:needs:' .. id, #ARGV - 4, 0
redis.call('DEL', needs)
for i = 5, #ARGV do
  local status = redis.call('HGET', 'job:' .. ARGV[i], 'status')
  if status and not FINAL[status] then
    redis.call('SADD', needs, ARGV[i])
    left = left + 1
  end
end
if left == 0 or (wake_on == 'any' and left < total) then
  redis.call('DEL', needs)
  return { 'ready' }
end

archive(key, job, 'suspended', at)
redis.call('HSET', key, 'status', 'waiting', 'wake_on', wake_on, 'parts', total,
  'progress', cjson.encode({ done = total - left, total = total, step = 'Waiting for parts' }),
  'version', next_version(job, now))
redis.call('ZREM', LEASES, id)
file(job, id, 'waiting', now)
if redis.call('EXISTS', 'log:' .. id) == 1 then redis.call('HSET', key, 'has_log', 1) end
tell(key, id, job.owner)
return answer('waiting', key)
