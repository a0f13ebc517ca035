-- Accepts a job: idempotency, limits, record, ready index and event in one step.
-- Returns {verdict, job id, whether a worker of the queue is online, usage, the job's `view`, if there is one}. Verdicts:
-- created, replayed, conflict, gone, batch_gone, queue_full, too_many_jobs (of the tenant), too_many_jobs_of_key,
-- too_many_stored_jobs, too_many_bytes, over_budget, no_worker, upload_lost.
-- Usage: unfinished jobs of the tenant and of the key, pixels left in the key's budget, the milliseconds until the
-- budget is whole or, after over_budget, until it holds what this job costs, and what the tenant stores.
-- A job that is created runs the commands that came along: a wake-up. Unless the job is refused, an upload is begun for
-- `next_id`, the sender's next job: a refused sender forgets the id, which would be on the wipe list for an hour.
-- `bytes` are the job's own, `shares` the uploads whose blobs it uses: {id, bytes}.
local id, queue, tenant = a.job_id, a.queue, a.tenant

-- The budget of a key is a bucket that fills up by the minute, and is full when nothing is kept of it.
local PER_MINUTE = a.pixels_per_minute or 0

local function read_budget()
  local kept = redis.call('HMGET', key('budget', a.key_id), 'pixels', 'at')
  if not kept[1] then
    return PER_MINUTE
  end
  local passed = now - kept[2]
  if passed < 0 then
    -- The clock was set back: without this the key would be refused until it is as late again.
    redis.call('HSET', key('budget', a.key_id), 'at', int(now))
    passed = 0
  end
  return math.min(PER_MINUTE, kept[1] + passed * PER_MINUTE / 60000)
end

local function time_to_fill(missing)
  return math.max(0, math.ceil(missing * 60000 / PER_MINUTE))
end

-- A job larger than the whole budget may go when it is full, and leaves it in debt: else it could never go.
local function missing_pixels()
  return math.min(a.pixels, PER_MINUTE) - read_budget()
end

local function charge()
  local left = read_budget() - a.pixels
  redis.call('HSET', key('budget', a.key_id), 'pixels', string.format('%.3f', left), 'at', int(now))
  redis.call('PEXPIRE', key('budget', a.key_id), int(time_to_fill(PER_MINUTE - left) + 1))
end

-- What the tenant stores, once it was counted.
local stored

local function usage(verdict)
  local left, fill_ms = 0, 0
  if a.pixels_per_minute then
    left = read_budget()
    fill_ms = time_to_fill(verdict == 'over_budget' and missing_pixels() or PER_MINUTE - left)
  end
  return {redis.call('ZCARD', key('active', tenant)), redis.call('ZCARD', key('active_of_key', a.key_id)),
    math.floor(left), fill_ms, stored or stored_of(tenant)}
end

-- Bytes that this job would add to what the tenant stores.
local function added_bytes()
  local bytes = a.bytes
  for _, share in ipairs(a.shares) do
    if redis.call('EXISTS', key('shared', share[1])) == 0 then
      bytes = bytes + share[2]
    end
  end
  return bytes
end

local function find_stored_refusal()
  stored = stored_of(tenant)
  if a.stored_job_limit and stored[1] >= a.stored_job_limit then
    return 'too_many_stored_jobs'
  end
  if a.stored_byte_limit and stored[4] + added_bytes() > a.stored_byte_limit then
    return 'too_many_bytes'
  end
  return nil
end

-- Counts the job and its blobs; returns the uploads that it shares them with.
local function hold_blobs()
  local held = {}
  stored[1], stored[4] = stored[1] + 1, stored[4] + added_bytes()
  for _, share in ipairs(a.shares) do
    hold_shared(tenant, share[1], share[2])
    table.insert(held, share[1])
  end
  add_stored(tenant, a.bytes)
  return table.concat(held, ' ')
end

-- Returns whether the blobs are wiped, or will be: accepting now would lose the inputs. Of a recent upload the broker
-- may have lost the entry with its memory; this one was given up, or the job deleted, before the call was repeated.
local function is_lost()
  if redis.call('ZSCORE', key('wipe'), id .. '#upload') then
    return false
  end
  return not a.is_recent or redis.call('EXISTS', key('tombstone', id)) == 1
    or redis.call('ZSCORE', key('wipe'), id .. '#now') ~= false
end

local function answer(verdict, job_id)
  local is_there = verdict == 'created' or verdict == 'replayed'
  if is_there and a.next_id then
    begin_upload(a.next_id, a.upload_ms)
  end
  return {verdict, job_id or id, workers_online(queue) > 0 and 1 or 0, usage(verdict),
    is_there and view(job_id or id) or {}}
end

if redis.call('EXISTS', job_key(id)) == 1 then
  return answer('created')
end
if a.batch_id and redis.call('HGET', batch_key(a.batch_id), 'state') ~= 'accepting' then
  -- Deleted, or run out, while its items still came in.
  return answer('batch_gone')
end

local idempotency = a.idempotency_key and key('idempotency', tenant, a.idempotency_key) or ''
if idempotency ~= '' then
  local kept = redis.call('HMGET', idempotency, 'job_id', 'fingerprint')
  if kept[1] then
    if kept[2] ~= a.fingerprint then
      return answer('conflict')
    end
    local verdict = redis.call('EXISTS', job_key(kept[1])) == 1 and 'replayed' or 'gone'
    return answer(verdict, kept[1])
  end
end

if is_lost() then
  return answer('upload_lost')
end

local online = workers_online(queue) > 0
if not online then
  -- The absence is counted from when a worker was last seen, or first missed.
  redis.call('SET', key('seen', queue), int(now), 'NX')
  local absent_ms = now - redis.call('GET', key('seen', queue))
  if a.absence_ms > 0 and absent_ms > a.absence_ms then
    return answer('no_worker')
  end
end
if redis.call('ZCARD', key('ready', queue)) >= a.queue_limit then
  return answer('queue_full')
end
if redis.call('ZCARD', key('active', tenant)) >= a.tenant_limit then
  return answer('too_many_jobs')
end
if a.key_job_limit and redis.call('ZCARD', key('active_of_key', a.key_id)) >= a.key_job_limit then
  return answer('too_many_jobs_of_key')
end
local refusal = find_stored_refusal()
if refusal then
  return answer(refusal)
end
if a.pixels_per_minute and missing_pixels() > 0 then
  return answer('over_budget')
end

local record = {
  queue = queue,
  tenant = tenant,
  cost = a.cost,
  tags = a.tags,
  priority = a.priority,
  seq = int(redis.call('INCR', key('seq'))),
  started_at = '',
  start_by_at = a.start_within_ms and int(now + a.start_within_ms) or '',
  finish_by_at = int(now + a.finish_within_ms),
}
redis.call('HSET', job_key(id),
  'schema', a.schema, 'spec', a.spec, 'status', 'queued', 'version', 0,
  'queue', queue, 'tenant', tenant, 'priority', a.priority, 'seq', record.seq,
  'model', a.model, 'call_key', a.call_key, 'cost', a.cost, 'charge', a.charge, 'tags', a.tags, 'solo', '',
  'key_id', a.key_id, 'stored_bytes', int(a.bytes), 'shares', hold_blobs(),
  'created_at', int(now), 'started_at', '', 'start_by_at', record.start_by_at,
  'finish_by_at', record.finish_by_at, 'finish_after_claim_ms', a.finish_after_claim_ms or '', 'ttl_ms', a.ttl_ms,
  'attempt', 0, 'crashes', 0, 'requeues', 0, 'max_crashes', a.max_crashes, 'max_requeues', a.max_requeues,
  'warnings', online and '' or a.offline_warnings, 'idempotency', idempotency,
  'trace', a.trace or '', 'webhook_events', a.webhook_events or '', 'webhook_group', a.webhook_group or '')
add_ready(id, record)
relist(id, record, '', 'queued')
watch_deadline(id, record)
redis.call('ZADD', key('active', tenant), int(now), id)
redis.call('ZADD', key('active_of_key', a.key_id), int(now), id)
if a.pixels_per_minute then
  charge()
end
redis.call('SADD', key('queues'), queue)
redis.call('ZREM', key('wipe'), id .. '#upload')
if idempotency ~= '' then
  redis.call('HSET', idempotency, 'job_id', id, 'fingerprint', a.fingerprint)
  redis.call('PEXPIRE', idempotency, int(a.idempotency_ms))
end
if a.batch_id then
  redis.call('HSET', job_key(id), 'batch_id', a.batch_id)
  redis.call('HSET', batch_items_key(a.batch_id), a.batch_index, id)
  redis.call('PEXPIRE', batch_items_key(a.batch_id), redis.call('PTTL', batch_key(a.batch_id)))
end
emit(id, 'status', 'queued')
run_commands()
return answer('created')
