-- Finishes a successful attempt: running, or confirmed and reserved, → succeeded, with Celery's result.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          Celery's result key of the job, which is also the channel its clients listen on
--          the attempt
--          when it finished
--          the result as JSON; '': null
--          Celery's result document
--          seconds that the job is kept
--          the holder that reserved the job (reserve.lua) and never claimed it; '': it was claimed
--          its worker, and when it started; used only for a reserved job
--
-- Answers {"moved", version, {record… of the parent that continues now, if any}}, and {"moved", version}
-- again if Redis executes the same call twice, because its answer was lost; or {"refused", status} if
-- another attempt runs, or no attempt; the status is "" if there is no record.

local id, result_key, attempt, finished_at, result, document, keep, holder, worker, started_at =
  unpack(ARGV)
local key, now = KEYS[1], now_ms()
local job = read(key)
if job.status == 'succeeded' and job.attempt == attempt
  and redis.call('HGET', key, 'finished_at') == finished_at then
  return { 'moved', job.version }
end
local is_ours = holder == '' or job.holder == holder
local is_reserved = CONFIRMED[job.status] and holder ~= ''
if not is_ours or not is_reserved and (job.status ~= 'running' or job.attempt ~= attempt) then
  return { 'refused', job.status or '' }
end

local version, expires_at = next_version(job, now), whole(now + keep * 1000)
local fields = { 'status', 'succeeded', 'version', version, 'finished_at', finished_at,
  'expires_at', expires_at }
local function set(name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
if result ~= '' then set('result', result) end
if is_reserved then
  set('attempt', attempt)
  set('worker', worker)
  set('started_at', started_at)
  set('confirmed_by', '')
  redis.call('ZREM', 'jobs:waiting:' .. job.queue, id)
end
if redis.call('EXISTS', 'log:' .. id) == 1 then
  set('has_log', 1)
  redis.call('PEXPIREAT', 'log:' .. id, expires_at)
end
redis.call('HSET', key, unpack(fields))
file(job, id, 'succeeded', now)
redis.call('ZREM', LEASES, id)
redis.call('ZADD', EXPIRING, expires_at, id)
redis.call('SET', result_key, document, 'EX', keep)
redis.call('PUBLISH', result_key, document)
announce(key, id, job.owner)
return { 'moved', version, job.parent_id and release(job.parent_id, id, finished_at, now) or nil }
