-- Takes steps of many jobs in one call: each step is one of `items`, the texts of other scripts.
--
-- KEYS  a key for each step
-- ARGV  for each step its name, its number of arguments, and the arguments
--
-- Answers a list: for each step its answer or error. An error ends only that step: what the other
-- steps have written and answered stays. A single step raises its error as Redis does, so that the
-- client handles it like any other error.

local function take(number, place)
  local first, count = place + 2, tonumber(ARGV[place + 1])
  return items[ARGV[place]], { KEYS[number] }, { unpack(ARGV, first, first + count - 1) }, first + count
end

if #KEYS == 1 then
  local item, keys, arguments = take(1, 1)
  return { item(keys, arguments) }
end

local answers, place = {}, 1
for number = 1, #KEYS do
  local item, keys, arguments, following = take(number, place)
  local is_done, answer = pcall(item, keys, arguments)
  if not is_done then
    -- Redis's own errors are tables from 7.0 on; Lua's errors are texts.
    answer = redis.error_reply(type(answer) == 'table' and answer.err or tostring(answer))
  end
  answers[number], place = answer, following
end
return answers
