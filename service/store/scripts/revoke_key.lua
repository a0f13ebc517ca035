-- Revokes an API key; its record stays readable. Returns 1, or 0 when there is none.
local record = key('key', a.key_id)
local kept = redis.call('HMGET', record, 'tenant', 'revoked_at')
if not kept[1] then
  return 0
end
if kept[2] == '' then
  redis.call('HSET', record, 'revoked_at', int(now))
  redis.call('SREM', key('tenant_keys', kept[1]), a.key_id)
end
return 1
