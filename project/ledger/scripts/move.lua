-- Takes one step of a job atomically: checks the status, writes the change, Celery's result and the event.
--
-- KEYS[1]  the job's hash
-- KEYS[2]  Celery's result key of the job, which is also the channel its clients listen on
-- ARGV[1]  JSON object, of which only id and sources are required:
--   id
--   sources       object: the statuses the step may start from
--   attempt       the attempt that takes the step
--   overdue       true: refuse while there is time to confirm
--   by            refuse a job that another submit has confirmed
--   fallback      {fields, order, due, owner_limit, owner_seconds}: the record, if Redis lost it
--   grace         refuse in this number of seconds after Redis's start
--   archive       keep the attempt that ends with this step, under this outcome
--   set           fields to set
--   due           time from which a waiting job may run, milliseconds; absent: now
--   release       milliseconds that the ended attempt's lease still lasts; absent: it ends now
--   keep          seconds that a finished job is kept
--   result        Celery's result document
--
-- Answers {"moved", {record…}, {record… of the parent that continues now, if any}}; {"starting", seconds
-- left}; or {"refused", status}, where the status is "" if there is no record. The steps that every job
-- takes have their own scripts.

local step = cjson.decode(ARGV[1])
local key, id, now = KEYS[1], step.id, now_ms()
local job, set = read(key), step.set or {}

if not job.status then
  if not step.fallback then return { 'refused', '' } end
  restore(key, id, step.fallback, now)
  job = read(key)
end

local starting = step.grace and grace_left(step.grace) or 0
if starting > 0 then return { 'starting', starting } end

if not step.sources[job.status]
  or (step.attempt and job.attempt ~= step.attempt)
  or (step.overdue and now <= (tonumber(job.confirm_by or nil) or now))
  or (step.by and CONFIRMED[job.status] and job.confirmed_by ~= step.by) then
  return { 'refused', job.status }
end

if set.status == 'queued' and job.status == 'accepted' then
  set.status = confirmed_status(id, job.queue, redis.call('HGET', key, 'run_at'), now)
end
local status = set.status or job.status
if step.archive and job.status == 'running' then
  archive(key, job, step.archive, set.finished_at or set.at, set.error)
end
set.at = nil
set.version = next_version(job, now)
if status ~= 'accepted' and job.confirm_by then
  redis.call('HDEL', key, 'confirm_by', 'recorded_at')
end
if FINISHED[status] and status ~= job.status then set.expires_at = whole(now + step.keep * 1000) end
if redis.call('EXISTS', 'log:' .. id) == 1 then
  set.has_log = 1
  if set.expires_at then redis.call('PEXPIREAT', 'log:' .. id, set.expires_at) end
end
write(key, set)

if status ~= job.status then
  file(job, id, status, now)
  if PENDING[status] then
    if job.status ~= 'accepted' then -- else its due time stays
      redis.call('ZADD', 'jobs:waiting:' .. job.queue, step.due or whole(now), id)
    end
  else
    redis.call('ZREM', 'jobs:waiting:' .. job.queue, id)
  end
  if status ~= 'running' then
    if step.release then
      redis.call('ZADD', LEASES, 'XX', whole(now + step.release), id)
    else
      redis.call('ZREM', LEASES, id)
    end
  end
  if job.status == 'waiting' then redis.call('DEL', 'jobs:needs:' .. id) end
  if FINISHED[status] then
    redis.call('ZADD', EXPIRING, set.expires_at, id)
    if job.unique and status ~= 'succeeded' and redis.call('GET', job.unique) == id then
      redis.call('DEL', job.unique)
    end
  end
end

if step.result then
  if step.keep then
    redis.call('SET', KEYS[2], step.result, 'EX', step.keep)
  else
    redis.call('SET', KEYS[2], step.result)
  end
  redis.call('PUBLISH', KEYS[2], step.result)
end
announce(key, id, job.owner)
local moved = answer('moved', key)
if FINISHED[status] and status ~= job.status and job.parent_id then
  moved[3] = release(job.parent_id, id, set.finished_at, now)
end
return moved
