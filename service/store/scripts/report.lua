-- Writes what the horse reports while it works on a job: that it began to paint, progress, the effective mask.
-- Numbers count a claim's reports, so that a repeated one is recognized. Returns ok, already (all of them) or stale.
local record = read(a.job_id, 'status', 'token', 'report', 'painting_at')
if record.status ~= 'running' or record.token ~= a.token then
  return 'stale'
end
local verdict = 'already'
for _, report in ipairs(a.reports) do
  if report.number > tonumber(record.report) then
    verdict = 'ok'
    local values = {'report', report.number}
    if report.painting and record.painting_at == '' then
      table.insert(values, 'painting_at')
      table.insert(values, int(now))
    end
    for name, value in pairs(report.fields) do
      table.insert(values, name)
      table.insert(values, value)
    end
    redis.call('HSET', job_key(a.job_id), unpack(values))
    emit(a.job_id, report.kind, report.data)
  end
end
return verdict
