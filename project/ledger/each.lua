-- Calls `item`, the text of another script, once for each job of a batch.
--
-- KEYS  a key for each job
-- ARGV  for each job how many arguments it has, and those
--
-- Answers a list: for each job its answer, or its error. An error ends that job's call alone: what
-- the others have written, and what they are told, stays. A job that comes by itself answers its
-- error as Redis does, so that the client deals with it as with any.

local function take(number, place)
  local last = place + tonumber(ARGV[place])
  return { KEYS[number] }, { unpack(ARGV, place + 1, last) }, last + 1
end

if #KEYS == 1 then
  local keys, arguments = take(1, 1)
  return { item(keys, arguments) }
end

local answers, place = {}, 1
for number = 1, #KEYS do
  local keys, arguments, following = take(number, place)
  local is_done, answer = pcall(item, keys, arguments)
  if not is_done then
    -- Redis's own errors are tables, from 7.0 on; those of Lua are texts.
    answer = redis.error_reply(type(answer) == 'table' and answer.err or tostring(answer))
  end
  answers[number], place = answer, following
end
return answers
