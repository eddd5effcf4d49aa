-- Writes a schedule, unless it has changed since it was read.
--
-- KEYS[1]  the schedule: hash of `version` and `document`
-- KEYS[2]  the sorted set of all ids by their next time, milliseconds; +inf: paused
-- ARGV     id
--          the version that was read; 0: the id must not exist
--          the document
--          its next time, milliseconds, or +inf
--          the largest number of schedules
--
-- Returns the new version; 0 if the version is another one or the schedule is gone; -1 if too many.

local id, read, document, next_at, most = unpack(ARGV)
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if version ~= tonumber(read) then return 0 end
if version == 0 then
  if redis.call('ZCARD', KEYS[2]) >= tonumber(most) then return -1 end
  -- From the clock, so that a new schedule is not taken for an earlier one with the same id.
  local time = redis.call('TIME')
  version = time[1] * 1000000 + time[2]
end
version = version + 1
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version), 'document', document)
redis.call('ZADD', KEYS[2], next_at, id)
return version
