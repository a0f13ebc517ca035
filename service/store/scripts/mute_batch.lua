-- Stops the webhooks of a batch that is being deleted: its jobs go one by one, and with the last it would end. It also
-- stops taking items, which would be painted for nobody. Returns muted or missing.
if redis.call('HGET', batch_key(a.batch_id), 'tenant') ~= a.tenant then
  return 'missing'
end
redis.call('HSET', batch_key(a.batch_id), 'webhook_events', '')
if redis.call('HGET', batch_key(a.batch_id), 'state') == 'accepting' then
  redis.call('HSET', batch_key(a.batch_id), 'state', 'running')
end
forget_webhooks(a.batch_id)
return 'muted'
