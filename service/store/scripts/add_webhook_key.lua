-- Adds a signing key to a tenant. Returns ok (again for the same key), or full.
local keys = key('webhook_keys', a.tenant)
if redis.call('HEXISTS', keys, a.key_id) == 1 then
  return 'ok'
end
if redis.call('HLEN', keys) >= a.most then
  return 'full'
end
redis.call('HSET', keys, a.key_id, cjson.encode({id = a.key_id, secret = a.secret, created_at = now}))
return 'ok'
