-- Returns the members of the wipe list that are due. An upload that never became a job is turned into a plain
-- wipe first: from then on it cannot be submitted any more, so its blobs can go.
local members = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('wipe'), '-inf', int(now), 'LIMIT', 0, a.limit)) do
  local id, kind = string.match(member, '^(.*)#(%a+)$')
  local accepted = redis.call('EXISTS', job_key(id)) == 1
  if accepted then
    -- Its blobs are in use, whoever put it here.
    redis.call('ZREM', key('wipe'), member)
  elseif kind == 'upload' then
    redis.call('ZREM', key('wipe'), member)
    redis.call('ZADD', key('wipe'), int(now), id .. '#now')
    local tenant = redis.call('HGET', key('shared', id), 'tenant')
    if tenant then
      release_upload(id, tenant)
    end
    table.insert(members, id .. '#now')
  else
    table.insert(members, member)
  end
end
return members
