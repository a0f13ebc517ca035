-- Notes the refused items of a batch and that no further item comes. Returns closed or missing.
local state = redis.call('HGET', batch_key(a.batch_id), 'state')
if not state then
  return 'missing'
end
if state ~= 'accepting' then
  return 'closed'
end
local count = 0
for _, refusal in ipairs(a.refusals) do
  -- One that is a job was accepted by another request of the same batch, and counts when it ends.
  count = count + redis.call('HSETNX', batch_items_key(a.batch_id), refusal.index, '!' .. refusal.problem)
end
local left_ms = redis.call('PTTL', batch_key(a.batch_id))
redis.call('HSET', batch_key(a.batch_id), 'state', 'running', 'refused', count)
if count > 0 then
  redis.call('PEXPIRE', batch_items_key(a.batch_id), left_ms)
end
end_batch_if_over(a.batch_id)
return 'closed'
