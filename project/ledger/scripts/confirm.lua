-- Notes that the broker has confirmed a job: accepted → queued, or → scheduled if it is due later.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          time of submission, microseconds: its order in the index
--          milliseconds after the record within which the confirm counts
--          name of the submit; '': no name
--
-- Answers {"confirmed", version, status}, or {"refused", status} if the job is not accepted or the time
-- to confirm is over; the status is "" if there is no record.
--
-- Does what `move.lua` would do for this step, without what concerns no accepted job: a lease, or a
-- changed place in the queue.

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
