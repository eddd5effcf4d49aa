-- The running attempt has succeeded: running → succeeded, with Celery's result.
--
-- KEYS[1]  the job's hash
-- KEYS[2]  Celery's result key of the job, which is also the channel its clients listen on
-- ARGV     id
--          the attempt
--          when it finished
--          the result as JSON; '': it is null
--          Celery's result document
--          seconds that the job is kept
--
-- Answers {"moved", version, id of the parent that goes on now or ''}, and once more where Redis
-- executes the same call twice, because its answer was lost; or {"refused", status} where another
-- attempt runs, or none; the status is "" where there is no record.

local id, attempt, finished_at, result, document, keep = unpack(ARGV)
local key, now = KEYS[1], now_ms()
local job = read(key)
if job.status == 'succeeded' and job.attempt == attempt
  and redis.call('HGET', key, 'finished_at') == finished_at then
  return { 'moved', job.version, '' }
end
if job.status ~= 'running' or job.attempt ~= attempt then return { 'refused', job.status or '' } end

local version, expires_at = next_version(job, now), whole(now + keep * 1000)
redis.call('HSET', key, 'status', 'succeeded', 'version', version, 'finished_at', finished_at,
  'expires_at', expires_at)
if result ~= '' then redis.call('HSET', key, 'result', result) end
if redis.call('EXISTS', 'log:' .. id) == 1 then
  redis.call('HSET', key, 'has_log', 1)
  redis.call('PEXPIREAT', 'log:' .. id, expires_at)
end
file(job, id, 'succeeded', now)
redis.call('ZREM', LEASES, id)
redis.call('ZADD', EXPIRING, expires_at, id)
redis.call('SET', KEYS[2], document, 'EX', keep)
redis.call('PUBLISH', KEYS[2], document)
tell(key, id, job.owner)
return { 'moved', version, job.parent_id and release(job.parent_id, id, finished_at, now) or '' }
