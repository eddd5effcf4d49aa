-- Writes a new job, before it is published.
--
-- KEYS[1]  the job's hash
-- ARGV[1]  JSON object:
--   id, fields    what to write
--   order         time of submission, microseconds
--   due           time from which it may run, milliseconds; absent: now
--   budget        milliseconds from now within which the broker's confirm must have been noted
--   limit         how many due jobs may wait in the lane; absent: any number
--   unique        {key, seconds}: at most one job holds the key; absent: no such rule
--   owner_limit, owner_seconds
--
-- Answers {"recorded", record…}, {"found", record…} where the id or the key has a job already,
-- {"full", depth}, or {"refused", status} where the parent has been cancelled.

local step = cjson.decode(ARGV[1])
local key, id, fields, now = KEYS[1], step.id, step.fields, now_ms()

local times = { recorded_at = whole(now), confirm_by = whole(now + step.budget) }
local holder = step.unique and redis.call('GET', step.unique.key)
for _, known in ipairs({ key, holder and 'job:' .. holder or nil }) do
  local status = redis.call('HGET', known, 'status')
  if status then
    -- Somebody tries again before anybody decided: the decision has as long as a new one's.
    if status == 'accepted' then write(known, times) end
    return answer('found', known)
  end
end

if fields.parent_id then
  local parent = redis.call('HMGET', 'job:' .. fields.parent_id, 'status', 'cancel_requested_at')
  if parent[1] == 'cancelled' or parent[2] then return { 'refused', 'cancelled' } end
end

local waiting = 'jobs:waiting:' .. fields.lane
if step.limit then
  local depth = redis.call('ZCOUNT', waiting, '-inf', now)
  if depth >= step.limit then return { 'full', depth } end
end

for name, time in pairs(times) do fields[name] = time end
fields.version = whole(now)
if step.unique then
  redis.call('SET', step.unique.key, id, 'EX', step.unique.seconds)
  fields.unique = step.unique.key
end
write(key, fields)
enter(id, fields, step.order, step.due or whole(now))
if fields.parent_id then redis.call('SADD', 'jobs:children:' .. fields.parent_id, id) end
if fields.owner then own(id, fields.owner, step.order, step.owner_limit, step.owner_seconds) end
tell(key, id, fields.owner)
return answer('recorded', key)
