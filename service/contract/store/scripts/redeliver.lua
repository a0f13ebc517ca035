-- Puts an event of a job back into the outbox, the last one unless told which, for as long as a new one would be
-- tried. Gives ok (again for the same redelivery_id), none, unknown, expired or missing.
local record = read(a.job_id, 'tenant', 'status')
if record.status == '' or record.tenant ~= a.tenant then
  return why_missing(a.job_id, a.tenant)
end
local webhooks = read_webhooks(a.job_id)
if not webhooks then
  return 'none'
end
if webhooks.redelivered == a.redelivery_id then
  return 'ok'
end
local event
for _, candidate in ipairs(webhooks.events) do
  if not a.event_id or candidate.id == a.event_id then
    event = candidate
  end
end
if not event then
  return 'unknown'
end
event.state = 'pending'
event.since = now
event.due = now
event.failures = 0
webhooks.redelivered = a.redelivery_id
save_webhooks(a.job_id, webhooks)
return 'ok'
