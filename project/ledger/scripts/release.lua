-- Gives up a reservation: the job has not begun, and any worker process may claim it at once.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          holder: as in reserve.lua
--
-- Answers {"released"}, or {"refused"} if the holder does not have its reservation (any more).

local id, holder = unpack(ARGV)
local job = redis.call('HMGET', KEYS[1], 'status', 'holder')
if not CONFIRMED[job[1]] or job[2] ~= holder then return { 'refused' } end
redis.call('HDEL', KEYS[1], 'holder')
redis.call('ZREM', LEASES, id)
return { 'released' }
