-- Commits the end of a job by the worker that paints it. Gives the status that the job now has when this claim
-- ended it, or stale when the job is no longer this claim's. A cancel that was promised and a deadline that
-- passed win over a result.
local record = read(a.job_id, 'status', 'token', 'committed_token', 'cancel_requested_at', 'finish_by_at', 'warnings')
if record.committed_token == a.token then
  return record.status
end
if record.status ~= 'running' or record.token ~= a.token then
  return 'stale'
end
redis.call('HSET', job_key(a.job_id), 'committed_token', a.token)
if record.cancel_requested_at ~= '' then
  finish(a.job_id, 'canceled', 'canceled')
  return 'canceled'
end
if tonumber(record.finish_by_at) <= now then
  fail(a.job_id, 'failed', a.errors.deadline_exceeded)
  return 'failed'
end
if a.fields.warnings and record.warnings ~= '' then
  -- Those of the submission stay.
  local warnings = cjson.decode(record.warnings)
  for _, warning in ipairs(cjson.decode(a.fields.warnings)) do
    table.insert(warnings, warning)
  end
  a.fields.warnings = cjson.encode(warnings)
end
finish(a.job_id, a.status, a.status, a.fields)
return a.status
