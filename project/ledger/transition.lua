-- One step of a job, atomically: check the status, write the change, Celery's result and the event.
--
-- KEYS[1]  the job's hash
-- KEYS[2]  Celery's result key of the job, which is also the channel its clients listen on
-- KEYS[3]  the lease of the job's running attempt: "<attempt> <who holds it>"
-- ARGV[1]  statuses the step may start from, each wrapped in commas: ",queued,running,"
-- ARGV[2]  the attempt that takes the step, or "" where any may
-- ARGV[3]  seconds the record is kept from now on, or "0" for ever
-- ARGV[4]  Celery's result document, or ""
-- ARGV[5]  JSON object: fields to set
-- ARGV[6]  JSON object: fields to set first where there is no record yet, or "" to refuse that
-- ARGV[7]  who claims, where the step is a new attempt, or ""
-- ARGV[8]  seconds a claim's lease lasts
-- ARGV[9]  a lease that may be taken over, because its holder is known to be gone, or ""
--
-- Answers {"moved", record…}, {"leased", lease} where another attempt still runs, or
-- {"refused", status}, the status being "" where there is no record.

local key, result_key, lease_key = KEYS[1], KEYS[2], KEYS[3]
local status = redis.call('HGET', key, 'status')

local function set_all(json)
  for name, value in pairs(cjson.decode(json)) do
    redis.call('HSET', key, name, value)
  end
end

if not status then
  if ARGV[6] == '' then return {'refused', ''} end
  set_all(ARGV[6])
else
  if not string.find(ARGV[1], ',' .. status .. ',', 1, true) then return {'refused', status} end
  if ARGV[2] ~= '' and redis.call('HGET', key, 'attempt') ~= ARGV[2] then
    return {'refused', status}
  end
end

if ARGV[7] ~= '' then
  local lease = redis.call('GET', lease_key)
  if lease and lease ~= ARGV[9] then return {'leased', lease} end
  local attempt = redis.call('HINCRBY', key, 'attempt', 1)
  redis.call('HDEL', key, 'progress', 'error')
  redis.call('SET', lease_key, attempt .. ' ' .. ARGV[7], 'EX', ARGV[8])
end
set_all(ARGV[5])
redis.call('HINCRBY', key, 'version', 1)
if redis.call('HGET', key, 'status') ~= 'running' then redis.call('DEL', lease_key) end
if ARGV[3] ~= '0' then redis.call('EXPIRE', key, ARGV[3]) end
if ARGV[4] ~= '' then
  if ARGV[3] ~= '0' then
    redis.call('SET', result_key, ARGV[4], 'EX', ARGV[3])
  else
    redis.call('SET', result_key, ARGV[4])
  end
  redis.call('PUBLISH', result_key, ARGV[4])
end

local record = redis.call('HGETALL', key)
local event = {}
for i = 1, #record, 2 do event[record[i]] = record[i + 1] end
local id, owner = event['id'], event['owner']
event['parameters'] = '{}' -- what a job was given is not for every listener
local text = cjson.encode(event)
redis.call('PUBLISH', 'events:job:' .. id, text)
if owner then redis.call('PUBLISH', 'events:owner:' .. owner, text) end

table.insert(record, 1, 'moved')
return record
