-- Forgets jobs whose retention is over: record, index, result, log, dead letter. Only their ids stay.
--
-- ARGV[1]  the most jobs to forget
-- ARGV[2]  seconds for which the ids of forgotten jobs are known
--
-- Answers {how many were forgotten}.

local WEEK = 7 * 24 * 3600
local now = now_ms()
local ids = redis.call('ZRANGEBYSCORE', EXPIRING, '-inf', now, 'LIMIT', 0, ARGV[1])
local gone = 'jobs:gone:' .. whole(math.floor(now / 1000 / WEEK))
for _, id in ipairs(ids) do
  local key = 'job:' .. id
  local job = read(key)
  if job.status then
    redis.call('ZREM', partition(job, job.status), id)
    leave(job)
    if job.owner then redis.call('ZREM', 'jobs:owner:' .. job.owner, id) end
  end
  redis.call('UNLINK', key, 'celery-task-meta-' .. id, 'log:' .. id, 'jobs:children:' .. id, 'jobs:needs:' .. id,
    'dead:' .. id, 'memory:' .. id)
  redis.call('ZREM', 'dead-letters', id)
  redis.call('ZREM', EXPIRING, id)
  redis.call('SADD', gone, id)
end
if #ids > 0 then redis.call('EXPIRE', gone, ARGV[2]) end
return { #ids }
