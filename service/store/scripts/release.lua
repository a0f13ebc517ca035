-- Takes a job from a worker that cannot finish it: its horse died or hung, or the worker drains.
-- Returns the new status (canceled, failed, queued), the same again when repeated, or stale.
local record = read(a.job_id, 'status', 'token', 'painting_at', 'call_size', 'batch', 'shared',
  'released_token', 'released_as')
if record.released_token == a.token then
  return record.released_as
end
if record.status ~= 'running' or record.token ~= a.token then
  return 'stale'
end
local alone = is_alone(record)
local died = a.outcome ~= 'drained'
local counts = died and alone and record.painting_at ~= ''
local became = requeue(a.job_id, a.outcome, a.errors, counts, died and not alone)
redis.call('HSET', job_key(a.job_id), 'released_token', a.token, 'released_as', became)
return became
