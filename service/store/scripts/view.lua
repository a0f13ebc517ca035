-- Reads a record for its tenant: {verdict, record}, the record as `tell` has it, or empty.
local record = read(a.job_id, 'tenant', 'status')
if record.status == '' or record.tenant ~= a.tenant then
  return {why_missing(a.job_id, a.tenant), {}}
end
return {'found', tell(a.job_id)}
