-- Renews the lease of a running attempt, and answers whether the job was asked to stop. For each job
-- of a batch: see `each.lua`.
--
-- KEYS[1]  the job's hash
-- ARGV[1]  the job's id
-- ARGV[2]  the attempt
-- ARGV[3]  milliseconds the lease lasts from now on
--
-- Answers "held", "cancel", or "lost" if the attempt is over or another attempt has begun.

local job = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'cancel_requested_at', 'contested')
-- A first attempt that was reserved, but not claimed since: its code keeps its process from claiming.
local is_reserved = CONFIRMED[job[1]] and not job[2] and ARGV[2] == '1'
  and redis.call('ZSCORE', LEASES, ARGV[1])
if not is_reserved and (job[1] ~= 'running' or job[2] ~= ARGV[2]) then return 'lost' end
-- Renewed even if it has expired (the process or Redis stalled): no other process has claimed the job.
redis.call('ZADD', LEASES, whole(now_ms() + ARGV[3]), ARGV[1])
if job[4] then redis.call('HDEL', KEYS[1], 'contested') end
return job[3] and 'cancel' or 'held'
