-- Writes what the horse reports while it paints: that it began, progress, the effective mask.
-- `number` counts a claim's reports, so that a repeated one is recognized. Returns ok, already or stale.
local record = read(a.job_id, 'status', 'token', 'report', 'painting_at')
if record.status ~= 'running' or record.token ~= a.token then
  return 'stale'
end
if tonumber(record.report) >= a.number then
  return 'already'
end
redis.call('HSET', job_key(a.job_id), 'report', a.number)
if a.painting and record.painting_at == '' then
  redis.call('HSET', job_key(a.job_id), 'painting_at', int(now))
end
for name, value in pairs(a.fields) do
  redis.call('HSET', job_key(a.job_id), name, value)
end
emit(a.job_id, a.kind, a.data)
return 'ok'
