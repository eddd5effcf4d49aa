-- A first attempt of a short job that may be repeated is about to begin: its status stays, and whoever
-- reserves it holds its lease. So several are begun in one call, and each is told of once, at its end.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          the kind that the message names
--          holder: as in claim.lua
--          milliseconds that the lease lasts
--
-- Answers {"reserved"}; {"starting", seconds left}; or {"refused"}: it is to be claimed by itself. So
-- is one that somebody had reserved who has not given it up: his process was killed, maybe by it.
-- GRACE is put before it, as before claim.lua.

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
