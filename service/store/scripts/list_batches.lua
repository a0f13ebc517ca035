-- Returns some of a tenant's batches, newest first, those before the id `before`: {{id, fields} …}. Ids begin with the
-- time; the index is small, because a tenant may have only so many batches.
local ids, found = redis.call('ZRANGEBYSCORE', key('batches', a.tenant), '(' .. int(now), '+inf'), {}
table.sort(ids, function(one, other) return one > other end)
for _, id in ipairs(ids) do
  local fields = (not a.before or id < a.before) and redis.call('HGETALL', batch_key(id)) or {}
  if #fields > 0 then
    table.insert(found, {id, fields})
  end
  if #found >= a.limit then
    break
  end
end
return found
