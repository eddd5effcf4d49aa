-- Notes that the broker has confirmed a job: accepted → queued, or → scheduled where it is due later.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          time of submission, microseconds: its order in the index
--          milliseconds since the record: refuse later
--          name of the submit; '': none
--
-- Answers {"confirmed", version, status}, or {"refused", status} where it is not accepted, the status
-- being "" where there is no record, or where the time to confirm is over.
--
-- What `move.lua` does for this step, without what no accepted job has: a lease, or a place in the
-- queue that changes.

local id, order, within, by = unpack(ARGV)
local key, now = KEYS[1], now_ms()
local values = redis.call(
  'HMGET', key, 'status', 'queue', 'kind', 'version', 'confirm_by', 'recorded_at', 'owner', 'run_at')
local status, owner = values[1], values[7]
local job = { queue = values[2], kind = values[3], version = values[4] }
local confirm_by, recorded_at = tonumber(values[5] or nil), tonumber(values[6] or nil)

if status ~= 'accepted' or not confirm_by or now > confirm_by
  or now - recorded_at > tonumber(within) then
  return { 'refused', status or '' }
end

local version, confirmed = next_version(job, now), confirmed_status(id, job.queue, values[8], now)
redis.call('HDEL', key, 'confirm_by', 'recorded_at')
if by == '' then
  redis.call('HSET', key, 'status', confirmed, 'version', version)
else
  redis.call('HSET', key, 'status', confirmed, 'version', version, 'confirmed_by', by)
end
redis.call('ZREM', partition(job, 'accepted'), id)
redis.call('ZADD', partition(job, confirmed), order, id)
announce(key, id, owner)
return { 'confirmed', version, confirmed }
