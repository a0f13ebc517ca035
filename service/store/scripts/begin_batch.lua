-- Opens a batch, or finds the one that its idempotency key belongs to.
-- Returns {verdict, batch id, what the tenant stores}: created, replayed, conflict, gone, too_many_batches.
local id = a.batch_id

local function answer(verdict, found)
  return {verdict, found or id, stored_of(a.tenant)}
end

if redis.call('EXISTS', batch_key(id)) == 1 then
  return answer('created')
end
local idempotency = a.idempotency_key and key('batch_idempotency', a.tenant, a.idempotency_key) or ''
if idempotency ~= '' then
  local kept = redis.call('HMGET', idempotency, 'batch_id', 'fingerprint')
  if kept[1] then
    if kept[2] ~= a.fingerprint then
      return answer('conflict')
    end
    return answer(redis.call('EXISTS', batch_key(kept[1])) == 1 and 'replayed' or 'gone', kept[1])
  end
end
if a.batch_limit and stored_of(a.tenant)[2] >= a.batch_limit then
  return answer('too_many_batches')
end
if idempotency ~= '' then
  redis.call('HSET', idempotency, 'batch_id', id, 'fingerprint', a.fingerprint)
  redis.call('PEXPIRE', idempotency, int(a.kept_ms))
end
redis.call('HSET', batch_key(id), 'tenant', a.tenant, 'total', a.total, 'state', 'accepting', 'created_at', int(now),
  'ended_at', '', 'ttl_ms', int(a.ttl_ms), 'tags', a.tags, 'idempotency', idempotency,
  'webhook_url', a.webhook_url, 'webhook_events', a.webhook_events, 'webhook_group', a.webhook_group)
-- One whose API process died is never closed; it must not stay forever.
redis.call('PEXPIRE', batch_key(id), int(a.kept_ms))
hold_batch(id, a.tenant, now + a.kept_ms)
return answer('created')
