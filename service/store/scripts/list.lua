-- Returns one page of a tenant's jobs, newest first, from one list a status: {{id, seq, fields...}, where the next
-- page begins}. `before` is the place that the page before ended at. Reads no more than a page of each list.
local FIELDS = {'status', 'version', 'spec', 'created_at', 'started_at', 'finished_at', 'expires_at',
  'cancel_requested_at', 'progress', 'error'}

local found, asked = {}, {}
for _, status in ipairs(a.statuses) do
  asked[status] = true
  local before = a.before and '(' .. int(a.before) or '+inf'
  local entries = redis.call('ZREVRANGEBYSCORE', list_key(a.tenant, status, a.tag), before, '-inf', 'WITHSCORES',
    'LIMIT', 0, a.limit + 1)
  for index = 1, #entries, 2 do
    table.insert(found, {id = entries[index], seq = tonumber(entries[index + 1]), status = status})
  end
end
table.sort(found, function(one, other) return one.seq > other.seq end)

local page = {}
for index = 1, math.min(a.limit, #found) do
  local entry = found[index]
  local values = redis.call('HMGET', job_key(entry.id), unpack(FIELDS))
  if values[1] ~= entry.status then
    -- A worker of an older release knows no lists: correct here the entry that it left behind.
    redis.call('ZREM', list_key(a.tenant, entry.status, a.tag), entry.id)
    if values[1] then
      local record = read(entry.id, 'tenant', 'seq', 'tags')
      relist(entry.id, record, entry.status, values[1])
    end
  end
  for place = 1, #FIELDS do
    values[place] = values[place] or ''
  end
  if asked[values[1]] then
    table.insert(page, {entry.id, int(entry.seq), unpack(values)})
  end
end
local last = found[a.limit]
return {page, #found > a.limit and int(last.seq) or ''}
