-- Reads a record for its tenant: {verdict, fields, position}; the position while it waits, else -1.
-- Position: jobs that would be claimed before this one if none came. An estimate: tenants take turns.
local record = read(a.job_id, 'tenant', 'status', 'queue', 'priority')
if record.status == '' or record.tenant ~= a.tenant then
  return {why_missing(a.job_id, a.tenant), {}, -1}
end

local function waiting_of(tenant)
  local count = 0
  for _, priority in ipairs(PRIORITIES) do
    count = count + redis.call('ZCARD', key('ready', record.queue, tenant, priority))
  end
  return count
end

local function position()
  local ahead = redis.call('ZRANK', ready_key(record), a.job_id)
  if not ahead then
    return -1
  end
  for _, priority in ipairs(PRIORITIES) do
    if LEVELS[priority] > LEVELS[record.priority] then
      ahead = ahead + redis.call('ZCARD', key('ready', record.queue, record.tenant, priority))
    end
  end
  local others = 0
  for _, tenant in ipairs(redis.call('ZRANGE', key('tenants', record.queue), 0, 255)) do
    if tenant ~= record.tenant then
      others = others + math.min(waiting_of(tenant), ahead + 1)
    end
  end
  return ahead + others
end

local place = record.status == 'queued' and position() or -1
return {'found', redis.call('HGETALL', job_key(a.job_id)), place}
