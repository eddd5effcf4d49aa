-- Writes a schedule, where nobody has changed it since it was read.
--
-- KEYS[1]  the schedule: hash of `version` and `document`
-- KEYS[2]  the sorted set of all ids by their next time, milliseconds; +inf: paused
-- ARGV     id
--          the version that was read; 0: there must be none of that id
--          the document
--          its next time, milliseconds, or +inf
--          how many there may be
--
-- Answers the new version, 0 where it has another one by now or is gone, -1 where there are too many.

local id, read, document, next_at, most = unpack(ARGV)
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if version ~= tonumber(read) then return 0 end
if version == 0 then
  if redis.call('ZCARD', KEYS[2]) >= tonumber(most) then return -1 end
  -- By the clock, so that one made anew is not taken for the one that had its id before.
  local time = redis.call('TIME')
  version = time[1] * 1000000 + time[2]
end
version = version + 1
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version), 'document', document)
redis.call('ZADD', KEYS[2], next_at, id)
return version
