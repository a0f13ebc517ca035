-- Returns the webhooks that are due, each under a lease: a list of {job or batch id, event, record, signing keys,
-- group}; the same list again for the same take_id. No group and no tenant gets more than its share of the courier's
-- threads: `groups` and `tenants` are the threads that each has now, `slow` are the groups that get only one.
local LOOK_AT_GROUPS = 512

local taken = key('taken', a.take_id)
local found = {}

local function add(id, webhooks)
  local tenant = redis.call('HGET', subject_key(id), 'tenant')
  table.insert(found, {id, cjson.encode(next_event(webhooks)), redis.call('HGETALL', subject_key(id)),
    redis.call('HVALS', key('webhook_keys', tenant)), webhooks.group})
end

local function take(id, group)
  local webhooks = read_webhooks(id)
  if not webhooks or not next_event(webhooks) then
    -- Never seen, but repaired all the same.
    set_due(id, group, nil)
    return
  end
  webhooks.token = a.take_id
  webhooks.leased_until = now + a.lease_ms
  save_webhooks(id, webhooks)
  redis.call('RPUSH', taken, id)
  add(id, webhooks)
end

local function take_from(group)
  local tenant = string.match(group, '^(.*):%d+$')
  local in_group = a.groups[group] or 0
  local of_tenant = a.tenants[tenant] or 0
  local most = a.slow[group] and 1 or a.per_group
  local free = math.min(a.limit - #found, most - in_group, a.per_tenant - of_tenant)
  if free <= 0 then
    return
  end
  local before = #found
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('outbox', group), '-inf', int(now), 'LIMIT', 0, free)) do
    take(id, group)
  end
  a.tenants[tenant] = of_tenant + #found - before
end

if redis.call('EXISTS', taken) == 1 then
  for _, id in ipairs(redis.call('LRANGE', taken, 0, -1)) do
    local webhooks = read_webhooks(id)
    if webhooks and webhooks.token == a.take_id and next_event(webhooks) then
      add(id, webhooks)
    end
  end
  return found
end
for _, group in ipairs(redis.call('ZRANGEBYSCORE', key('outbox'), '-inf', int(now), 'LIMIT', 0, LOOK_AT_GROUPS)) do
  take_from(group)
end
redis.call('PEXPIRE', taken, int(a.lease_ms))
return found
