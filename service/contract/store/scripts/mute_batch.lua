-- Has nothing told any more of a batch that is being deleted: its jobs go one by one, and with the last it would
-- end. Gives muted or missing.
if redis.call('HGET', batch_key(a.batch_id), 'tenant') ~= a.tenant then
  return 'missing'
end
redis.call('HSET', batch_key(a.batch_id), 'webhook_events', '')
forget_webhooks(a.batch_id)
return 'muted'
