-- Reads a batch for its tenant, and a page of its items. Returns {fields, {{index, kind, text, status} …}}; kind is
-- job (text: its id), refused (text: the problem) or waiting (not received yet). Nil when there is none.
if redis.call('HGET', batch_key(a.batch_id), 'tenant') ~= a.tenant then
  return nil
end
local fields = redis.call('HGETALL', batch_key(a.batch_id))
local total = tonumber(redis.call('HGET', batch_key(a.batch_id), 'total'))
local items = {}
for index = a.first, math.min(a.first + a.limit, total) - 1 do
  local text = redis.call('HGET', batch_items_key(a.batch_id), int(index))
  if not text then
    table.insert(items, {index, 'waiting', '', ''})
  elseif string.sub(text, 1, 1) == '!' then
    table.insert(items, {index, 'refused', string.sub(text, 2), ''})
  else
    table.insert(items, {index, 'job', text, read(text, 'status').status})
  end
end
return {fields, items}
