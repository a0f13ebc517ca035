-- Notes the refused items of a batch and that no further item comes. Returns closed or missing.
local state = redis.call('HGET', batch_key(a.batch_id), 'state')
if not state then
  return 'missing'
end
if state ~= 'accepting' then
  return 'closed'
end
local count = 0
for _, run in ipairs(a.runs) do
  for index = run[1], run[2] do
    -- One that is a job was accepted by another request of the same batch, and counts when it ends.
    count = count + 1 - redis.call('HEXISTS', batch_items_key(a.batch_id), index)
  end
end
redis.call('HSET', batch_key(a.batch_id), 'state', 'running', 'refused', count)
if count > 0 then
  redis.call('HSET', batch_items_key(a.batch_id), 'problems', cjson.encode(a.problems), 'runs', cjson.encode(a.runs))
  redis.call('PEXPIRE', batch_items_key(a.batch_id), redis.call('PTTL', batch_key(a.batch_id)))
end
end_batch_if_over(a.batch_id)
emit_batch(a.batch_id)
return 'closed'
