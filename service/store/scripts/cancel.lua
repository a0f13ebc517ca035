-- Cancels: a waiting job at once, a running one by a flag that its worker obeys.
-- Returns canceled, stopping, finished, expired or missing.
local record = read(a.job_id, 'tenant', 'status', 'cancel_requested_at')
if record.status == '' or record.tenant ~= a.tenant then
  return why_missing(a.job_id, a.tenant)
end
if record.status == 'canceled' then
  return 'canceled'
end
if record.status ~= 'queued' and record.status ~= 'running' then
  return 'finished'
end
if record.cancel_requested_at == '' then
  redis.call('HSET', job_key(a.job_id), 'cancel_requested_at', int(now))
  if record.status == 'running' then
    emit(a.job_id, 'cancel_requested', '')
  end
end
if record.status == 'queued' then
  finish(a.job_id, 'canceled', 'canceled')
  return 'canceled'
end
return 'stopping'
