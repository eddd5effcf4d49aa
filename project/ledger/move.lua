-- One step of a job, atomically: check the status, write the change, Celery's result and the event.
--
-- KEYS[1]  the job's hash
-- KEYS[2]  Celery's result key of the job, which is also the channel its clients listen on
-- ARGV[1]  JSON object, where only id and sources must be there:
--   id
--   sources       object: the statuses the step may start from
--   attempt       the attempt that takes the step
--   within        milliseconds since the record: refuse later, or when the time to confirm is over
--   overdue       true: refuse while there is time
--   by            refuse to take a queued job that another submit has confirmed
--   fallback      {fields, order, due, owner_limit, owner_seconds}: the record, where Redis lost it
--   claim         {holder, lease, last_call, gone, silent, most_losses}: a new attempt begins; gone
--                 has ended for certain, silent has not answered its last call
--   settle        refuse in so many first seconds of Redis's process
--   archive       keep the attempt that ends with this step, under this outcome
--   set           fields to set
--   due           time from which a waiting job may run, milliseconds; absent: now
--   release       milliseconds that the ended attempt's lease still lasts; absent: none
--   keep          seconds that an ended job is kept
--   result        Celery's result document
--   brief         answer {"moved", version}, unless an attempt was there before this one
--
-- Answers {"moved", record…}; {"settling", seconds left}; {"leased", holder, "held", "last_call" or "silent"} where another attempt holds a lease; {"exhausted"}
-- where too many attempts were lost; or {"refused", status, milliseconds left to note the confirm},
-- the status being "" where there is no record.

local step = cjson.decode(ARGV[1])
local key, id, now = KEYS[1], step.id, now_ms()
local job, claim, set = read(key), step.claim, step.set or {}

-- Keep the attempt that is over as a field of its own; the next one writes over the job's fields.
local function archive(outcome, error)
  local values = redis.call(
    'HMGET', key, 'worker', 'started_at', 'available_at', 'run_at', 'submitted_at')
  local attempt = {
    number = job.attempt,
    outcome = outcome,
    worker = values[1] or nil,
    started_at = values[2] or nil,
    available_at = values[3] or values[4] or values[5],
    finished_at = set.finished_at or set.at,
    error = error,
  }
  redis.call('HSET', key, 'attempt:' .. job.attempt, cjson.encode(attempt))
  redis.call('HDEL', key, 'progress')
end

if not job.status then
  local lost = step.fallback
  if not lost then return { 'refused', '', 0 } end
  write(key, lost.fields)
  enter(id, lost.fields, lost.order, lost.due or whole(now))
  if lost.fields.owner then
    own(id, lost.fields.owner, lost.order, lost.owner_limit, lost.owner_seconds)
  end
  job = read(key)
end

if step.settle then
  -- Negative where the clock was put back: then Redis has been there for a while.
  local uptime = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(-?%d+)'))
  if uptime >= 0 and uptime < step.settle then return { 'settling', step.settle - uptime } end
end

local left = job.confirm_by and tonumber(job.confirm_by) - now or 0
if not step.sources[job.status]
  or (step.attempt and job.attempt ~= step.attempt)
  or (step.within and (left < 0 or now - tonumber(job.recorded_at) > step.within))
  or (step.overdue and left >= 0)
  or (step.by and job.status == 'queued' and job.confirmed_by ~= step.by) then
  return { 'refused', job.status, math.floor(left) }
end

if claim then
  local ends = tonumber(redis.call('ZSCORE', LEASES, id) or nil)
  -- A process runs one job at a time: an earlier attempt of its own is over.
  if ends and job.holder ~= claim.gone and job.holder ~= claim.holder then
    local is_contested = job.contested == job.holder
    if ends > now then return { 'leased', job.holder, is_contested and 'last_call' or 'held' } end
    -- It has run out. A holder that lives (it, or Redis, was away) gets a last call to renew it.
    if not is_contested then
      redis.call('HSET', key, 'contested', job.holder)
      redis.call('ZADD', LEASES, whole(now + claim.last_call), id)
      return { 'leased', job.holder, 'last_call' }
    end
    if claim.silent ~= job.holder then return { 'leased', job.holder, 'silent' } end
  end
  if job.status == 'running' then -- an attempt that ended without a word
    local losses = (tonumber(job.losses) or 0) + 1
    if losses >= claim.most_losses then return { 'exhausted' } end
    archive('lost')
    set.losses = losses
    set.available_at = set.at
  end
  set.attempt = whole((tonumber(job.attempt) or 0) + 1)
  set.holder = claim.holder
  redis.call('HDEL', key, 'progress', 'error', 'contested', 'confirmed_by')
  redis.call('ZADD', LEASES, whole(now + claim.lease), id)
end

local status = set.status or job.status
if step.archive and job.status == 'running' then archive(step.archive, set.error) end
set.at = nil
set.version = next_version(job, now)
if status ~= 'accepted' and job.confirm_by then
  redis.call('HDEL', key, 'confirm_by', 'recorded_at')
end
if FINAL[status] and status ~= job.status then set.expires_at = whole(now + step.keep * 1000) end
if redis.call('EXISTS', 'log:' .. id) == 1 then
  set.has_log = 1
  if set.expires_at then redis.call('PEXPIREAT', 'log:' .. id, set.expires_at) end
end
write(key, set)

if status ~= job.status then
  local old = partition(job, job.status)
  local order = redis.call('ZSCORE', old, id)
  redis.call('ZREM', old, id)
  redis.call('ZADD', partition(job, status), order or whole(now * 1000), id)
  if WAITING[status] then
    if status ~= 'queued' or job.status ~= 'accepted' then -- else it is due as it was
      redis.call('ZADD', 'jobs:waiting:' .. job.lane, step.due or whole(now), id)
    end
  else
    redis.call('ZREM', 'jobs:waiting:' .. job.lane, id)
  end
  if status ~= 'running' then
    if step.release then
      redis.call('ZADD', LEASES, 'XX', whole(now + step.release), id)
    else
      redis.call('ZREM', LEASES, id)
    end
  end
  if FINAL[status] then
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
tell(key, id, job.owner)
if step.brief and (not claim or set.attempt == '1') then
  return { 'moved', set.version }
end
return answer('moved', key)
