-- Writes a new job, before it is published.
--
-- KEYS[1]  the job's hash
-- ARGV     id
--          time of submission, microseconds: its order in the index
--          time from which it may run, milliseconds; '': now
--          milliseconds from now within which the broker's confirm must have been noted
--          how many due jobs may wait in the queue; '': any number
--          deduplication key, which at most one job holds; '': no key
--          seconds until that key expires
--          how many of its owner's newest jobs are remembered
--          for how many seconds
--          and the record's fields, each as name and value
--
-- Answers {"recorded", version}, {"found", {record…}} if the id or the key already has a job,
-- {"full", depth}, or {"refused", status} if the parent was cancelled.
--
-- The arguments are plain and the answer is brief: decoding JSON, and returning what the caller has
-- sent, would cost as much as all the rest.

local id, order, due, budget, limit, unique, unique_seconds, owner_limit, owner_seconds = unpack(ARGV)
local key, now, fields = KEYS[1], now_ms(), {}
for i = 10, #ARGV, 2 do fields[ARGV[i]] = ARGV[i + 1] end

local recorded_at, confirm_by = whole(now), whole(now + budget)
local holder = unique ~= '' and redis.call('GET', unique)
for _, known in ipairs({ key, holder and 'job:' .. holder or nil }) do
  local status = redis.call('HGET', known, 'status')
  if status then
    -- The submit is repeated before a decision: the job gets as much time as a new job.
    if status == 'accepted' then
      redis.call('HSET', known, 'recorded_at', recorded_at, 'confirm_by', confirm_by)
    end
    return answer('found', known)
  end
end

local parent_id, is_awaited = fields.parent_id, false
if parent_id then
  local parent = redis.call('HMGET', 'job:' .. parent_id, 'status', 'cancel_requested_at')
  if parent[1] == 'cancelled' or parent[2] then return { 'refused', 'cancelled' } end
  is_awaited = parent[1] == 'waiting' -- this job replaces a failed child job
end

if limit ~= '' then
  local depth = redis.call('ZCOUNT', 'jobs:waiting:' .. fields.queue, '-inf', now)
  if depth >= tonumber(limit) then return { 'full', depth } end
end

-- The record's version is the time of its first write.
redis.call('HSET', key, 'recorded_at', recorded_at, 'confirm_by', confirm_by,
  'version', recorded_at, unpack(ARGV, 10))
if unique ~= '' then
  redis.call('SET', unique, id, 'EX', unique_seconds)
  redis.call('HSET', key, 'unique', unique)
end
enter(id, fields, order, due ~= '' and due or recorded_at)
if parent_id then redis.call('SADD', 'jobs:children:' .. parent_id, id) end
if is_awaited then redis.call('SADD', 'jobs:needs:' .. parent_id, id) end
if fields.owner and not parent_id then own(id, fields.owner, order, owner_limit, owner_seconds) end
announce(key, id, fields.owner)
return { 'recorded', recorded_at }
