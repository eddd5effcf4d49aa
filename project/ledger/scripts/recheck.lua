-- Queues a waiting job again if its child jobs have finished unnoticed: Redis may have lost a record.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          now, as text
--
-- Answers {"resumed", {record…}} if the job continues now, else {"refused"}.

local id, at = unpack(ARGV)
local key, now = KEYS[1], now_ms()
local job = read(key)
if job.status ~= 'waiting' then return { 'refused' } end

local needs, is_finished = 'jobs:needs:' .. id, false
for _, child in ipairs(redis.call('SMEMBERS', needs)) do
  local status = redis.call('HGET', 'job:' .. child, 'status')
  if not status or FINISHED[status] then
    redis.call('SREM', needs, child)
    is_finished = true
  end
end
local is_any = redis.call('HGET', key, 'wake_on') == 'any'
if redis.call('SCARD', needs) > 0 and not (is_any and is_finished) then return { 'refused' } end
return { 'resumed', resume(key, id, job, at, now) }
