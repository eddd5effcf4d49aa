-- Keeps the lease of a running attempt alive, and tells whether somebody wants the job to stop.
--
-- KEYS[1]  the job's hash
-- KEYS[2]  its lease
-- ARGV[1]  the attempt
-- ARGV[2]  who holds it
-- ARGV[3]  seconds the lease lasts from now on
--
-- Answers "held", "cancel", or "lost" where the attempt is over or another one has begun.

local job = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'cancel_requested_at')
if job[1] ~= 'running' or job[2] ~= ARGV[1] then return 'lost' end
-- Written again even where it has expired (the process, or Redis, was away): nobody else has claimed.
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ARGV[2], 'EX', ARGV[3])
return job[3] and 'cancel' or 'held'
