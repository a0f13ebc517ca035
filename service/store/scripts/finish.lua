-- Commits the end of a job by the worker that paints it. Gives the status that the job now has when this claim
-- ended it, or stale when the job is no longer this claim's. A cancel that was promised and a deadline that
-- passed win over a result.
local PACE_DECAY = 0.95
local PACE_KEPT_MS = 86400000

-- Keeps what jobs of a queue take, the last twenty or so: worker milliseconds, and what they cost. Loading a model
-- before the first of them does not count.
local function note_pace(record)
  local attempts = cjson.decode(record.attempts)
  local began = record.painting_at ~= '' and record.painting_at or attempts[#attempts].started_at
  local pace = key('pace', record.queue)
  local kept = redis.call('HMGET', pace, 'ms', 'cost')
  redis.call('HSET', pace, 'ms', (kept[1] or 0) * PACE_DECAY + math.max(1, now - began) / record.batch,
    'cost', (kept[2] or 0) * PACE_DECAY + record.cost)
  redis.call('PEXPIRE', pace, PACE_KEPT_MS)
end

local record = read(a.job_id, 'status', 'token', 'committed_token', 'cancel_requested_at', 'finish_by_at', 'warnings',
  'painting_at', 'attempts', 'queue', 'cost', 'batch')
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
if a.status == 'succeeded' then
  note_pace(record)
end
finish(a.job_id, a.status, a.status, a.fields)
return a.status
