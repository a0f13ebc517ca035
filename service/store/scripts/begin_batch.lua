-- Opens a batch, or finds the one that its idempotency key belongs to.
-- Returns {verdict, batch id}: created, replayed, conflict, gone.
local id = a.batch_id
if redis.call('EXISTS', batch_key(id)) == 1 then
  return {'created', id}
end
local idempotency = a.idempotency_key and key('batch_idempotency', a.tenant, a.idempotency_key) or ''
if idempotency ~= '' then
  local kept = redis.call('HMGET', idempotency, 'batch_id', 'fingerprint')
  if kept[1] then
    if kept[2] ~= a.fingerprint then
      return {'conflict', id}
    end
    return {redis.call('EXISTS', batch_key(kept[1])) == 1 and 'replayed' or 'gone', kept[1]}
  end
  redis.call('HSET', idempotency, 'batch_id', id, 'fingerprint', a.fingerprint)
  redis.call('PEXPIRE', idempotency, int(a.kept_ms))
end
redis.call('HSET', batch_key(id), 'tenant', a.tenant, 'total', a.total, 'state', 'accepting', 'created_at', int(now),
  'ended_at', '', 'ttl_ms', int(a.ttl_ms), 'tags', a.tags, 'idempotency', idempotency,
  'webhook_url', a.webhook_url, 'webhook_events', a.webhook_events, 'webhook_group', a.webhook_group)
-- One whose API process died is never closed; it must not stay forever.
redis.call('PEXPIRE', batch_key(id), int(a.kept_ms))
return {'created', id}
