-- Reserves a short job of a repeatable kind for its first attempt: its status stays, and the holder gets
-- its lease. So one call can begin several jobs, and each has only one event, at its end.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          the kind that the message names
--          holder: as in claim.lua
--          milliseconds that the lease lasts
--
-- Answers {"reserved"}; {"starting", seconds left}; or {"refused"}: the job must be claimed alone. That
-- includes a job whose reservation by another holder was never given up: that holder's process was
-- killed, maybe by this job. GRACE is defined before this text, as for claim.lua.

local id, kind, holder, lease = unpack(ARGV)
local key = KEYS[1]
local job = read(key)
local starting = GRACE > 0 and grace_left(GRACE) or 0
if starting > 0 then return { 'starting', starting } end
if not CONFIRMED[job.status] or job.kind ~= kind or job.holder and job.holder ~= holder then
  return { 'refused' }
end
redis.call('HSET', key, 'holder', holder)
redis.call('ZADD', LEASES, whole(now_ms() + lease), id)
return { 'reserved' }
