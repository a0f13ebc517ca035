-- Puts an event of a job or a batch back into the outbox, the last one unless the caller names one, for as long as a
-- new one would be tried. Returns ok (again for the same redelivery_id), none, unknown, expired or missing.
if redis.call('HGET', subject_key(a.subject_id), 'tenant') ~= a.tenant then
  return why_missing(a.subject_id, a.tenant)
end
local webhooks = read_webhooks(a.subject_id)
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
save_webhooks(a.subject_id, webhooks)
return 'ok'
