-- A new attempt begins: its worker holds the job's lease.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          the kind that the message names
--          worker
--          holder: the process that takes the lease, `#`, and the claim's number in that process
--          now, as the worker writes it into the record
--          milliseconds that the lease lasts
--          milliseconds that a last call lasts
--          a holder that has certainly ended; '': no such holder
--          a holder that has not answered its last call; '': no such holder
--          how many attempts may be lost before the job is exhausted
--          JSON from which `restore` writes the record, if Redis has lost it; '': do not restore
--
-- Answers {"begun", version} for a first attempt, {"moved", {record…}} for a later attempt, and the
-- same again if Redis executes the same claim twice, because its answer was lost;
-- {"starting", seconds left}; {"leased", holder, "held", "last_call" or "silent"} if another
-- attempt holds the lease; {"exhausted"} if too many attempts were lost; {"mistaken", kind} if the job
-- is of another kind; or {"refused", status, milliseconds left to note the confirm}, where the status
-- is "" if there is no record.
--
-- `GraceScript` defines GRACE before this text: the seconds after Redis's start in which nothing is
-- claimed; 0: they are over, see `startup_grace.py`. A first attempt takes the fewest steps, because
-- most jobs have no other.

local id, kind, worker, holder, at, lease, last_call, gone, silent, most_losses, lost = unpack(ARGV)
local key, now = KEYS[1], now_ms()
local job = read(key)

if not job.status then
  if lost == '' then return { 'refused', '' } end
  restore(key, id, cjson.decode(lost), now)
  job = read(key)
end

if job.kind ~= kind then return { 'mistaken', job.kind } end

local starting = GRACE > 0 and grace_left(GRACE) or 0
if starting > 0 then return { 'starting', starting } end

local function moved(attempt, version)
  if attempt == '1' then return { 'begun', version } end
  return answer('moved', key)
end

if job.status == 'running' and job.holder == holder then return moved(job.attempt, job.version) end

if not CLAIMABLE[job.status] then
  local left = job.confirm_by and math.floor(tonumber(job.confirm_by) - now) or 0
  return { 'refused', job.status, left }
end

-- A process runs one job at a time: its earlier attempt is over.
local function process(name) return string.match(name, '^[^#]*') end

local ends = tonumber(redis.call('ZSCORE', LEASES, id) or nil)
if ends and job.holder ~= gone and process(job.holder) ~= process(holder) then
  local is_contested = job.contested == job.holder
  if ends > now then return { 'leased', job.holder, is_contested and 'last_call' or 'held' } end
  -- The lease has expired. A holder that still lives (it or Redis stalled) gets a last call to renew it.
  if not is_contested then
    redis.call('HSET', key, 'contested', job.holder)
    redis.call('ZADD', LEASES, whole(now + last_call), id)
    return { 'leased', job.holder, 'last_call' }
  end
  if silent ~= job.holder then return { 'leased', job.holder, 'silent' } end
end

if job.status == 'running' then -- an attempt that ended without an outcome
  local losses = (tonumber(job.losses) or 0) + 1
  if losses >= tonumber(most_losses) then return { 'exhausted' } end
  archive(key, job, 'lost', at)
  redis.call('HSET', key, 'losses', losses, 'available_at', at)
end

local attempt, version = whole((tonumber(job.attempt) or 0) + 1), next_version(job, now)
redis.call('HSET', key, 'status', 'running', 'attempt', attempt, 'version', version,
  'worker', worker, 'holder', holder, 'started_at', at, 'confirmed_by', '')
redis.call('ZADD', LEASES, whole(now + lease), id)
if job.status ~= 'running' then
  file(job, id, 'running', now)
  redis.call('ZREM', 'jobs:waiting:' .. job.queue, id)
end
if attempt ~= '1' or job.contested then
  redis.call('HDEL', key, 'progress', 'error', 'contested')
  if redis.call('EXISTS', 'log:' .. id) == 1 then redis.call('HSET', key, 'has_log', 1) end
end
announce(key, id, job.owner)
return moved(attempt, version)
