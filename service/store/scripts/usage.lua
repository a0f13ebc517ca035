-- Returns what a tenant's keys have used on the last days, today first: {day since 1970, {field, number, …}} of each.
local found, today = {}, math.floor(now / 86400000)
for day = today, today - a.days + 1, -1 do
  local counts = redis.call('HGETALL', key('usage', a.tenant, int(day)))
  if #counts > 0 then
    table.insert(found, {day, counts})
  end
end
return found
