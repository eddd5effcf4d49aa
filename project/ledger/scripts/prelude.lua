-- What the ledger's scripts share: this text precedes each of them.
--
-- It is itself preceded by Python's table of statuses (`steps.write_tables`): STATUSES, a list, and the
-- sets FINISHED, PENDING (in a queue's order of due times), CONFIRMED and CLAIMABLE.
--
-- job:<id>                      hash, the record
-- log:<id>                      stream, the job's own log: place <attempt>-<number>, field `line`
-- jobs:<queue>:<kind>:<status>   sorted set of ids by time of submission, microseconds: the one index
-- jobs:partitions               set of "<queue>:<kind>" in the index
-- jobs:waiting:<queue>           sorted set of pending ids by the time they are due, milliseconds
-- jobs:leases                   sorted set of ids by the end of their lease, milliseconds
-- jobs:expiring                 sorted set of finished ids by the time they are forgotten, milliseconds
-- jobs:owner:<owner>            sorted set of ids by time of submission
-- jobs:children:<id>            set of ids of the job's child jobs
-- jobs:needs:<id>               set of ids that a waiting job waits for
-- memory:<id>                   hash, the memory of the job's code, see memory.py
-- jobs:unique:<key>             id of the job that holds a deduplication key
-- jobs:gone:<week>              set of ids that were forgotten in that week since 1970
-- celery-task-meta-<id>         Celery's result document, and the channel that its clients listen on
-- dead-letters, dead:<id>       see dead_letters.py
-- events:jobs, events:job:<id>, events:owner:<owner>, events:log:<id>: channels of changes
--
-- All times are Redis's own, so that no two clocks are compared.

local LEASES, EXPIRING, PARTITIONS = 'jobs:leases', 'jobs:expiring', 'jobs:partitions'

-- Lua prints large numbers with an exponent.
local function whole(number) return string.format('%.0f', number) end

-- Redis's time does not change while a script runs.
local now_of_call
local function now_ms()
  if not now_of_call then
    local time = redis.call('TIME')
    now_of_call = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return now_of_call
end

local FIELDS = {
  'status', 'queue', 'kind', 'attempt', 'version', 'holder', 'contested', 'losses', 'confirm_by',
  'recorded_at', 'confirmed_by', 'unique', 'owner', 'parent_id',
}

-- The fields of the record on which scripts base decisions; `status` is false if there is no record.
local function read(key)
  local values, job = redis.call('HMGET', key, unpack(FIELDS)), {}
  for i, name in ipairs(FIELDS) do job[name] = values[i] end
  return job
end

local function write(key, fields)
  local flat = {}
  for name, value in pairs(fields) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  if #flat > 0 then redis.call('HSET', key, unpack(flat)) end
end

local function partition(job, status) return 'jobs:' .. job.queue .. ':' .. job.kind .. ':' .. status end

-- How much of the grace period after Redis's start is left; 0: it is over.
local function grace_left(seconds)
  local uptime = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(-?%d+)'))
  -- Negative if the clock was set back: then Redis has been up for a while.
  return uptime >= 0 and math.max(0, seconds - uptime) or 0
end

-- Grows with every change, and exceeds the versions of a lost record when it is written anew.
local function next_version(job, now) return whole(math.max((tonumber(job.version) or 0) + 1, now)) end

-- Keep the ended attempt in its own field; the next attempt overwrites the job's fields.
local function archive(key, job, outcome, finished_at, error)
  local values = redis.call(
    'HMGET', key, 'worker', 'started_at', 'available_at', 'run_at', 'submitted_at')
  local attempt = {
    number = job.attempt,
    outcome = outcome,
    worker = values[1] or nil,
    started_at = values[2] or nil,
    available_at = values[3] or values[4] or values[5],
    finished_at = finished_at,
    error = error,
  }
  redis.call('HSET', key, 'attempt:' .. job.attempt, cjson.encode(attempt))
  redis.call('HDEL', key, 'progress')
end

-- Move a job to another place in the index.
local function file(job, id, status, now)
  local old = partition(job, job.status)
  local order = redis.call('ZSCORE', old, id)
  redis.call('ZREM', old, id)
  redis.call('ZADD', partition(job, status), order or whole(now * 1000), id)
end

-- The status of an accepted job once confirmed; `run_at` is false if it may run at once.
local function confirmed_status(id, queue, run_at, now)
  local due = run_at and tonumber(redis.call('ZSCORE', 'jobs:waiting:' .. queue, id) or nil)
  return due and due > now and 'scheduled' or 'queued'
end

-- Enter a new record into the index.
local function enter(id, fields, order, due)
  redis.call('SADD', PARTITIONS, fields.queue .. ':' .. fields.kind)
  redis.call('ZADD', partition(fields, fields.status), order, id)
  redis.call('ZADD', 'jobs:waiting:' .. fields.queue, due, id)
end

-- Remove a kind and queue that have no jobs left from the index: a message may name any kind.
local function leave(job)
  local keys = {}
  for _, status in ipairs(STATUSES) do keys[#keys + 1] = partition(job, status) end
  if redis.call('EXISTS', unpack(keys)) == 0 then
    redis.call('SREM', PARTITIONS, job.queue .. ':' .. job.kind)
  end
end

-- Remember the newest jobs of an owner.
local function own(id, owner, order, limit, seconds)
  local key = 'jobs:owner:' .. owner
  redis.call('ZADD', key, order, id)
  redis.call('ZREMRANGEBYRANK', key, 0, -limit - 1)
  redis.call('EXPIRE', key, seconds)
end

-- Rewrite a record that Redis has lost: {fields, order, due, owner_limit, owner_seconds}.
local function restore(key, id, lost, now)
  write(key, lost.fields)
  enter(id, lost.fields, lost.order, lost.due or whole(now))
  if lost.fields.owner then
    own(id, lost.fields.owner, lost.order, lost.owner_limit, lost.owner_seconds)
  end
end

-- Publish the event only if there are listeners: making it costs more than all the rest. It omits the
-- job's parameters, which are not for every listener.
local patterns_of_call
local function announce(key, id, owner)
  local channels = { 'events:job:' .. id, 'events:jobs', owner and 'events:owner:' .. owner or nil }
  patterns_of_call = patterns_of_call or redis.call('PUBSUB', 'NUMPAT')
  local is_heard = patterns_of_call > 0
  if not is_heard then
    local heard = redis.call('PUBSUB', 'NUMSUB', unpack(channels))
    for i = 2, #heard, 2 do is_heard = is_heard or heard[i] > 0 end
  end
  if not is_heard then return end
  local record, event = redis.call('HGETALL', key), {}
  for i = 1, #record, 2 do event[record[i]] = record[i + 1] end
  event.parameters = '{}'
  local text = cjson.encode(event)
  for _, channel in ipairs(channels) do redis.call('PUBLISH', channel, text) end
end

-- How far a waiting job is; `wait` is {finished before, waited for, total, step}.
local function waiting_progress(wait, left)
  return cjson.encode({ done = wait[1] + wait[2] - left, total = wait[3], step = wait[4] })
end

-- Queue a waiting job again; the caller that gets its record publishes its message.
local function resume(key, id, job, at, now)
  redis.call('HSET', key, 'status', 'queued', 'available_at', at, 'version', next_version(job, now))
  redis.call('HDEL', key, 'wake_on', 'wait')
  redis.call('DEL', 'jobs:needs:' .. id)
  file(job, id, 'queued', now)
  redis.call('ZADD', 'jobs:waiting:' .. job.queue, whole(now), id)
  announce(key, id, job.owner)
  return redis.call('HGETALL', key)
end

-- Note for a waiting parent that its child job finished at that time. Returns the parent's record if
-- the parent continues now, else nil.
local function release(parent_id, id, at, now)
  if redis.call('SREM', 'jobs:needs:' .. parent_id, id) == 0 then return end
  local key = 'job:' .. parent_id
  local parent = read(key)
  if parent.status ~= 'waiting' then return end
  local left = redis.call('SCARD', 'jobs:needs:' .. parent_id)
  local values = redis.call('HMGET', key, 'wake_on', 'wait')
  redis.call('HSET', key, 'progress', waiting_progress(cjson.decode(values[2]), left))
  if left == 0 or values[1] == 'any' then
    return resume(key, parent_id, parent, at, now)
  end
  redis.call('HSET', key, 'version', next_version(parent, now))
  announce(key, parent_id, parent.owner)
end

-- An answer of a word and the record.
local function answer(word, key) return { word, redis.call('HGETALL', key) } end
