-- Deletes a batch whose jobs are wiped. Returns forgotten or missing.
local record = redis.call('HMGET', batch_key(a.batch_id), 'tenant', 'idempotency')
if record[1] ~= a.tenant then
  return 'missing'
end
if record[2] ~= '' and redis.call('HGET', record[2], 'batch_id') == a.batch_id then
  redis.call('DEL', record[2])
end
forget_webhooks(a.batch_id)
redis.call('DEL', batch_key(a.batch_id), batch_items_key(a.batch_id), key('events', a.batch_id))
note_wiped(a.batch_id)
redis.call('ZREM', key('batches', a.tenant), a.batch_id)
return 'forgotten'
