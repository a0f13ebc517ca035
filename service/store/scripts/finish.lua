-- Commits the end of a job by the worker that paints it. Returns the new status when this claim ended the job, or
-- stale when the claim no longer holds it. A cancel that was promised and a deadline that passed win over a result.
local PACE_DECAY = 0.95
local PACE_KEPT_MS = 86400000
local USAGE_KEPT_MS = 94 * 86400000

-- Keeps how long the last twenty or so jobs of a queue took in worker milliseconds, and their cost. Loading a model
-- before the first of them does not count.
local function note_pace(record)
  local attempts = cjson.decode(record.attempts)
  local began = record.painting_at ~= '' and record.painting_at or attempts[#attempts].started_at
  local pace = key('pace', record.queue)
  local size = record.call_size ~= '' and record.call_size or record.batch
  local kept = redis.call('HMGET', pace, 'ms', 'cost')
  redis.call('HSET', pace, 'ms', (kept[1] or 0) * PACE_DECAY + math.max(1, now - began) / size,
    'cost', (kept[2] or 0) * PACE_DECAY + record.cost)
  redis.call('PEXPIRE', pace, PACE_KEPT_MS)
end

-- Counts a succeeded job for its key and day: {key} {what}, in the hash of the tenant's day.
local function count_usage(record)
  local usage = key('usage', record.tenant, int(math.floor(now / 86400000)))
  local began = record.painting_at ~= '' and record.painting_at or record.started_at
  if redis.call('HINCRBY', usage, record.key_id .. ' jobs', 1) == 1 then
    redis.call('PEXPIRE', usage, int(USAGE_KEPT_MS))
  end
  redis.call('HINCRBY', usage, record.key_id .. ' pixels', int(record.cost * 1000000))
  redis.call('HINCRBY', usage, record.key_id .. ' ms', int(math.max(0, now - began)))
end

local record = read(a.job_id, 'status', 'token', 'committed_token', 'cancel_requested_at', 'finish_by_at', 'warnings',
  'painting_at', 'attempts', 'queue', 'cost', 'call_size', 'batch', 'tenant',
  'key_id', 'started_at')
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
  count_usage(record)
  redis.call('HINCRBY', job_key(a.job_id), 'stored_bytes', int(a.bytes))
  add_stored(record.tenant, a.bytes)
end
finish(a.job_id, a.status, a.status, a.fields)
return a.status
