-- Reads a job for its tenant. Returns {verdict, the job's `view` or an empty table}.
local record = read(a.job_id, 'tenant', 'status')
if record.status == '' or record.tenant ~= a.tenant then
  return {why_missing(a.job_id, a.tenant), {}}
end
return {'found', view(a.job_id)}
