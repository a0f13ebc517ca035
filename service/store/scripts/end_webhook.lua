-- Writes the result of one delivery. Returns the event's state: delivered, pending or dead; stale when another courier
-- holds the lease by now, gone when the job or batch was deleted.
local MAX_TRIES_KEPT = 10

local webhooks = read_webhooks(a.subject_id)
if not webhooks then
  return 'gone'
end
local event
for _, candidate in ipairs(webhooks.events) do
  if candidate.id == a.event_id then
    event = candidate
  end
end
local last = event and event.log[#event.log]
if last and last.token == a.token then
  return event.state
end
if not event or webhooks.token ~= a.token then
  return 'stale'
end

table.insert(event.log, {token = a.token, at = now, seconds = a.seconds, status = a.status or cjson.null,
  error = a.error or cjson.null})
while #event.log > MAX_TRIES_KEPT do
  table.remove(event.log, 1)
end
event.tries = event.tries + 1
local last_try_at = event.since + a.window_ms
if not a.error then
  event.state = 'delivered'
elseif a.gives_up or now >= last_try_at then
  event.state = 'dead'
else
  event.failures = event.failures + 1
  event.due = math.min(now + a.delay_ms, last_try_at)
end
webhooks.token = ''
webhooks.leased_until = 0
save_webhooks(a.subject_id, webhooks)
return event.state
