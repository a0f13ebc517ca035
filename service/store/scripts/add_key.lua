-- Keeps an API key's digest. Returns kept, taken (the id is another key's) or too_many.
local record = key('key', a.key_id)
local kept = redis.call('HGET', record, 'digest')
if kept then
  return kept == a.digest and 'kept' or 'taken'
end
if redis.call('SCARD', key('tenant_keys', a.tenant)) >= a.max_active then
  return 'too_many'
end
redis.call('HSET', record, 'digest', a.digest, 'tenant', a.tenant, 'scopes', a.scopes, 'limits', a.limits,
  'created_at', int(now), 'revoked_at', '')
redis.call('ZADD', key('keys'), int(now), a.key_id)
redis.call('SADD', key('tenant_keys', a.tenant), a.key_id)
return 'kept'
