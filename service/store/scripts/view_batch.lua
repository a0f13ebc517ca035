-- Reads a batch for its tenant, and a page of its items. Returns {fields, {{index, kind, text, status} …}}; kind is
-- job (text: its id), refused (text: the problem) or waiting (not received yet). Nil when there is none.
local items_key = batch_items_key(a.batch_id)

-- Returns the problem of each refused index of the page: each is stored once, with the runs of items that have it.
local function read_problems(first, last)
  local kept, found = redis.call('HMGET', items_key, 'problems', 'runs'), {}
  if not kept[1] then
    return found
  end
  local problems = cjson.decode(kept[1])
  for _, run in ipairs(cjson.decode(kept[2])) do
    for index = math.max(first, run[1]), math.min(last, run[2]) do
      found[index] = problems[run[3] + 1]
    end
  end
  return found
end

if redis.call('HGET', batch_key(a.batch_id), 'tenant') ~= a.tenant then
  return nil
end
local fields = redis.call('HGETALL', batch_key(a.batch_id))
local total = tonumber(redis.call('HGET', batch_key(a.batch_id), 'total'))
local last = math.min(a.first + a.limit, total) - 1
local problems = a.limit > 0 and read_problems(a.first, last) or {}
local items = {}
for index = a.first, last do
  local text = redis.call('HGET', items_key, int(index))
  if text and string.sub(text, 1, 1) == '!' then
    -- Earlier releases stored the problem of each item beside its index.
    table.insert(items, {index, 'refused', string.sub(text, 2), ''})
  elseif text then
    table.insert(items, {index, 'job', text, read(text, 'status').status})
  elseif problems[index] then
    table.insert(items, {index, 'refused', problems[index], ''})
  else
    table.insert(items, {index, 'waiting', '', ''})
  end
end
return {fields, items}
