-- Put before every script. KEYS[1] is a key of the namespace and routes the script in a cluster: all keys
-- share one hash tag. ARGV[1] is the namespace, ARGV[2] the arguments as JSON.
-- Every script is safe to run twice with the same arguments: a client repeats it when a reply is lost.
local ns = ARGV[1]
local a = cjson.decode(ARGV[2])

local PRIORITIES = {'high', 'normal', 'low'}
local LEVELS = {high = 2, normal = 1, low = 0}
local AGING_MS = 60000
local MAX_EVENTS = 500
local MAX_WIPED_KEPT = 1000
local WIPED_KEPT_MS = 60000
local MAX_ATTEMPTS_KEPT = 10

local function key(...)
  return ns .. ':' .. table.concat({...}, ':')
end

local function int(number)
  return string.format('%d', number)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now = now_ms()

-- Runs packed commands: ARGV[3] has the lengths of their parts as JSON, ARGV[4] the parts in a row. They are of use, and
-- no more: one that fails must not leave a script half done.
local function run_commands()
  local at = 1
  for _, lengths in ipairs(cjson.decode(ARGV[3] or '[]')) do
    local command = {}
    for index, length in ipairs(lengths) do
      command[index] = string.sub(ARGV[4], at, at + length - 1)
      at = at + length
    end
    redis.pcall(unpack(command))
  end
end

local function job_key(id)
  return key('job', id)
end

-- Blobs that are written from now on are wiped then, unless their job or upload is accepted.
local function begin_upload(owner_id, due_ms)
  redis.call('ZADD', key('wipe'), int(now + due_ms), owner_id .. '#upload')
end

-- Counts for the metrics, of what scripts alone know; they never fall.
local function count(name, ...)
  redis.call('HINCRBY', key('counts', name), table.concat({...}, ' '), 1)
end

-- Fields of a record as a table; absent ones are empty strings, so that comparisons need no nil checks.
local function read(id, ...)
  local names = {...}
  local values = redis.call('HMGET', job_key(id), unpack(names))
  local record = {}
  for index, name in ipairs(names) do
    record[name] = values[index] or ''
  end
  return record
end

local function emit(id, kind, data)
  local version = redis.call('HINCRBY', job_key(id), 'version', 1)
  redis.call('XADD', key('events', id), 'MAXLEN', '~', MAX_EVENTS, '*',
    'type', kind, 'version', version, 'at', int(now), 'data', data)
  return version
end

-- Outbox: webhooks to send, of jobs and of batches ----------------------------------------------------
-- `webhooks:{id}` has the events of one subject in order, `outbox:{group}` when each subject's next try is due, and
-- `outbox` when each group's is. A group is one tenant's receivers on one host, more or less.

-- The record of a subject: of a job, or of a batch.
local function subject_key(id)
  return key(string.sub(id, 1, 6) == 'batch_' and 'batch' or 'job', id)
end

local function read_webhooks(id)
  local text = redis.call('GET', key('webhooks', id))
  return text and cjson.decode(text) or nil
end

-- The first event that is still to be sent: later ones wait for it.
local function next_event(webhooks)
  for _, event in ipairs(webhooks.events) do
    if event.state == 'pending' then
      return event
    end
  end
  return nil
end

local function set_due(id, group, due)
  local index = key('outbox', group)
  if due then
    redis.call('ZADD', index, int(due), id)
  else
    redis.call('ZREM', index, id)
  end
  local first = redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', key('outbox'), first[2], group)
  else
    redis.call('ZREM', key('outbox'), group)
  end
end

-- While a courier holds the subject, none of its events is due before that lease ends. The webhooks of a batch have
-- the batch's time to live.
local function save_webhooks(id, webhooks)
  redis.call('SET', key('webhooks', id), cjson.encode(webhooks), 'KEEPTTL')
  local event = next_event(webhooks)
  local due = event and (webhooks.token ~= '' and webhooks.leased_until or event.due)
  set_due(id, webhooks.group, due)
end

-- Returns the record as it is now, without the spec, as JSON: the state of a job that starts to run is gone when its
-- webhook is sent late, or again.
local function freeze(id)
  local flat = redis.call('HGETALL', job_key(id))
  local kept = {}
  for index = 1, #flat, 2 do
    if flat[index] ~= 'spec' then
      kept[flat[index]] = flat[index + 1]
    end
  end
  return cjson.encode(kept)
end

-- Puts an event into the outbox if the caller asked for a webhook. Part of the script that makes the change, so that
-- nothing is lost between the change and its webhook.
local function put_out(id, event, version)
  local asked = redis.call('HMGET', subject_key(id), 'webhook_events', 'webhook_group')
  if not string.find(' ' .. (asked[1] or '') .. ' ', ' ' .. event .. ' ', 1, true) then
    return
  end
  local webhooks = read_webhooks(id)
    or {group = asked[2], token = '', leased_until = 0, redelivered = '', events = {}}
  table.insert(webhooks.events, {
    id = id .. '-' .. int(version), event = event, state = 'pending', at = now, since = now, due = now,
    tries = 0, failures = 0, log = {}, record = event == 'job.running' and freeze(id) or '',
  })
  save_webhooks(id, webhooks)
end

local function forget_webhooks(id)
  local webhooks = read_webhooks(id)
  if webhooks then
    set_due(id, webhooks.group, nil)
    redis.call('DEL', key('webhooks', id))
  end
end

-- List index: a tenant's jobs by status, and by status and tag, in the order they were accepted in -----

local function list_key(tenant, status, tag)
  return key('list', tenant, status, tag)
end

-- Moves a job from the lists of one status to those of another; an empty status stands for none. `record.tags`
-- holds digests. Records of older releases are in no list before they change: their ZREM finds nothing.
local function relist(id, record, from, to)
  local tags = {''}
  for tag in string.gmatch(record.tags, '%x+') do
    table.insert(tags, tag)
  end
  for _, tag in ipairs(tags) do
    if from ~= '' then
      redis.call('ZREM', list_key(record.tenant, from, tag), id)
    end
    if to ~= '' then
      redis.call('ZADD', list_key(record.tenant, to, tag), record.seq, id)
    end
  end
end

-- Ready index --------------------------------------------------------------------------------------

local function ready_key(record)
  return key('ready', record.queue, record.tenant, record.priority)
end

-- Puts a tenant in line. It starts beside the least served, neither far ahead of nor behind everybody; but what it
-- was served beyond that is remembered while it is away, or one who sends job after job would be first each time.
-- A head start, smaller than any cost, makes the newcomer the next one: else the alphabet would decide.
local HEAD_START = 0.0001

local function enter_line(queue, tenant)
  local line, served = key('tenants', queue), key('served', queue)
  if redis.call('ZSCORE', line, tenant) then
    return
  end
  local least = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')[2] or HEAD_START
  local own = redis.call('ZSCORE', served, tenant) or 0
  redis.call('ZADD', line, math.max(least - HEAD_START, own), tenant)
  redis.call('ZREM', served, tenant)
  redis.call('ZREMRANGEBYSCORE', served, '-inf', least)
end

local function leave_line(queue, tenant)
  local line, served = key('tenants', queue), key('served', queue)
  local score = redis.call('ZSCORE', line, tenant)
  if not score then
    return
  end
  redis.call('ZREM', line, tenant)
  if redis.call('EXISTS', line) == 1 then
    redis.call('ZADD', served, score, tenant)
  else
    -- Nobody waits: all begin anew.
    redis.call('DEL', served)
  end
end

-- What the waiting jobs of a queue cost together; floats drift, so it begins anew whenever nobody waits.
local function add_load(queue, cost, sign)
  redis.call('INCRBYFLOAT', key('load', queue), sign * cost)
  if redis.call('EXISTS', key('ready', queue)) == 0 then
    redis.call('DEL', key('load', queue))
  end
end

local function add_ready(id, record)
  if redis.call('ZADD', key('ready', record.queue), record.seq, id) == 1 then
    add_load(record.queue, record.cost, 1)
  end
  redis.call('ZADD', ready_key(record), record.seq, id)
  enter_line(record.queue, record.tenant)
end

local function tenant_is_idle(queue, tenant)
  for _, priority in ipairs(PRIORITIES) do
    if redis.call('EXISTS', key('ready', queue, tenant, priority)) == 1 then
      return false
    end
  end
  return true
end

local function remove_ready(id, record)
  if redis.call('ZREM', key('ready', record.queue), id) == 1 then
    add_load(record.queue, record.cost, -1)
  end
  redis.call('ZREM', ready_key(record), id)
  if tenant_is_idle(record.queue, record.tenant) then
    leave_line(record.queue, record.tenant)
  end
end

-- Attempts: the last ten claims, kept in the record; the size of a call ------------------------------

-- Returns whether a running job was claimed without another one for its engine call, and worked on beside none: its
-- worker may begin with a job while it still writes the pictures of the one before. Before schema 4 the field `call_size`
-- was called `batch`.
local function is_alone(record)
  return record.shared ~= '1' and (record.call_size ~= '' and record.call_size or record.batch) == '1'
end

local function open_attempt(id, attempts, worker)
  local list = attempts ~= '' and cjson.decode(attempts) or {}
  table.insert(list, {worker = worker, started_at = now, ended_at = cjson.null, outcome = cjson.null})
  while #list > MAX_ATTEMPTS_KEPT do
    table.remove(list, 1)
  end
  redis.call('HSET', job_key(id), 'attempts', cjson.encode(list))
end

local function close_attempt(id, outcome)
  local attempts = redis.call('HGET', job_key(id), 'attempts')
  if not attempts or attempts == '' then
    return
  end
  local list = cjson.decode(attempts)
  if list[#list].outcome == cjson.null then
    list[#list].ended_at = now
    list[#list].outcome = outcome
    count('attempts', outcome)
    redis.call('HSET', job_key(id), 'attempts', cjson.encode(list))
  end
end

-- Jobs that have not ended, by tenant and by the key that they came with ---------------------------------

local function leave_active(id, record)
  redis.call('ZREM', key('active', record.tenant), id)
  redis.call('ZREM', key('active_of_key', record.key_id), id)
end

-- What a tenant stores -------------------------------------------------------------------------------
-- Jobs are counted by their lists, batches and uploads by an index of each. `stored:{tenant}` has the bytes: those of
-- jobs, inputs and results, and those of blobs that several hold, an upload and the jobs that use it, which count once.
local STATUSES = {'queued', 'running', 'succeeded', 'failed', 'canceled'}
-- Longer than any holder of a blob lives; each renews it.
local SHARED_KEPT_MS = 9 * 86400000

local function add_stored(tenant, bytes)
  if redis.call('INCRBY', key('stored', tenant), int(bytes)) <= 0 then
    redis.call('DEL', key('stored', tenant))
  end
end

local function hold_shared(tenant, id, bytes)
  local shared = key('shared', id)
  if redis.call('HINCRBY', shared, 'holders', 1) == 1 then
    redis.call('HSET', shared, 'tenant', tenant, 'bytes', int(bytes))
    add_stored(tenant, bytes)
  end
  redis.call('PEXPIRE', shared, int(SHARED_KEPT_MS))
end

local function release_shared(id)
  local shared = key('shared', id)
  local kept = redis.call('HMGET', shared, 'holders', 'tenant', 'bytes')
  if kept[1] and tonumber(kept[1]) > 1 then
    redis.call('HINCRBY', shared, 'holders', -1)
  elseif kept[1] then
    redis.call('DEL', shared)
    add_stored(kept[2], -kept[3])
  end
end

local function count_stored_jobs(tenant)
  local count = 0
  for _, status in ipairs(STATUSES) do
    count = count + redis.call('ZCARD', list_key(tenant, status, ''))
  end
  return count
end

-- A process of an earlier release counts no bytes when it wipes: begin anew whenever a tenant stores nothing.
local function forget_stored(tenant)
  if redis.call('EXISTS', key('uploads', tenant)) == 0 and count_stored_jobs(tenant) == 0 then
    redis.call('DEL', key('stored', tenant))
  end
end

local function release_upload(id, tenant)
  if redis.call('ZREM', key('uploads', tenant), id) == 1 then
    release_shared(id)
    forget_stored(tenant)
  end
end

-- Notes until when a batch counts. Nobody wipes batches, so their index ends with the last of them.
local function hold_batch(id, tenant, expires_at)
  local index = key('batches', tenant)
  redis.call('ZADD', index, int(expires_at), id)
  redis.call('PEXPIREAT', index, int(redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]))
end

-- Returns what a tenant stores: jobs, batches, uploads, bytes.
local function stored_of(tenant)
  redis.call('ZREMRANGEBYSCORE', key('batches', tenant), '-inf', int(now))
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('uploads', tenant), '-inf', int(now))) do
    release_upload(id, tenant)
  end
  return {count_stored_jobs(tenant), redis.call('ZCARD', key('batches', tenant)),
    redis.call('ZCARD', key('uploads', tenant)), tonumber(redis.call('GET', key('stored', tenant)) or 0)}
end

-- Batches: how many of their jobs have ended, and how ------------------------------------------------

local function batch_key(id)
  return key('batch', id)
end

local function batch_items_key(id)
  return key('batch', id, 'items')
end

-- Wakes those who wait for a batch. Its stream has the last change alone: they read the batch itself.
local function emit_batch(id)
  local stream = key('events', id)
  redis.call('XADD', stream, 'MAXLEN', 1, '*', 'type', 'batch', 'version', 0, 'at', int(now), 'data', '')
  if redis.call('PTTL', stream) < 0 then
    redis.call('PEXPIRE', stream, redis.call('PTTL', batch_key(id)))
  end
end

-- Ends a batch all of whose items have ended; it then lives as long as its results, and so do its webhooks.
local function end_batch_if_over(id)
  local record = redis.call('HMGET', batch_key(id), 'state', 'total', 'refused', 'succeeded', 'failed', 'canceled',
    'deleted', 'ttl_ms', 'tenant')
  local ended = 0
  for index = 3, 7 do
    ended = ended + (tonumber(record[index]) or 0)
  end
  if record[1] ~= 'running' or ended < tonumber(record[2]) then
    return
  end
  local expires_at = int(now + record[8])
  redis.call('HSET', batch_key(id), 'state', 'ended', 'ended_at', int(now), 'expires_at', expires_at)
  put_out(id, 'batch.completed', 1)
  for _, name in ipairs({batch_key(id), batch_items_key(id), key('webhooks', id), key('events', id)}) do
    redis.call('PEXPIREAT', name, expires_at)
  end
  hold_batch(id, record[9], expires_at)
end

-- Counts a job of a batch that has ended: succeeded, failed, canceled, or deleted before any of these.
local function count_in_batch(id, as)
  local batch = redis.call('HGET', job_key(id), 'batch_id')
  if batch and batch ~= '' and redis.call('EXISTS', batch_key(batch)) == 1 then
    redis.call('HINCRBY', batch_key(batch), as, 1)
    end_batch_if_over(batch)
    emit_batch(batch)
  end
end

-- Transitions that several scripts share -------------------------------------------------------------

-- Ends a job. `fields` are set along; `outcome` closes the running attempt.
local function finish(id, status, outcome, fields)
  local record = read(id, 'status', 'queue', 'tenant', 'priority', 'seq', 'cost', 'tags', 'ttl_ms', 'key_id')
  remove_ready(id, record)
  relist(id, record, record.status, status)
  redis.call('ZREM', key('leases'), id)
  redis.call('ZREM', key('deadlines'), id)
  leave_active(id, record)
  local expires_at = now + record.ttl_ms
  redis.call('ZADD', key('expiry'), int(expires_at), id)
  local values = {'status', status, 'finished_at', int(now), 'expires_at', int(expires_at)}
  for name, value in pairs(fields or {}) do
    table.insert(values, name)
    table.insert(values, value)
  end
  redis.call('HSET', job_key(id), unpack(values))
  close_attempt(id, outcome)
  local error = fields and fields.error
  count('ended', record.queue, status, error and cjson.decode(error).code or '')
  put_out(id, 'job.' .. status, emit(id, 'status', status))
  count_in_batch(id, status)
end

local function fail(id, outcome, error)
  finish(id, 'failed', outcome, {error = error})
end

local function is_late(record)
  if tonumber(record.finish_by_at) <= now then
    return true
  end
  return record.started_at == '' and record.start_by_at ~= '' and tonumber(record.start_by_at) <= now
end

-- Notes when a waiting job fails by itself.
local function watch_deadline(id, record)
  local due = tonumber(record.finish_by_at)
  if record.started_at == '' and record.start_by_at ~= '' then
    due = math.min(due, tonumber(record.start_by_at))
  end
  redis.call('ZADD', key('deadlines'), int(due), id)
end

-- Takes a running job from its worker and requeues it at its old place, unless it must end.
-- `errors` maps a code to the error document; `counts` is true where this death counts as a crash.
-- Returns the new status: canceled, failed or queued.
local function requeue(id, outcome, errors, counts, solo)
  local record = read(id, 'queue', 'tenant', 'priority', 'seq', 'cost', 'tags', 'crashes', 'max_crashes',
    'requeues', 'max_requeues', 'cancel_requested_at', 'finish_by_at', 'start_by_at', 'started_at', 'token')
  if record.cancel_requested_at ~= '' then
    finish(id, 'canceled', outcome)
    return 'canceled'
  end
  if tonumber(record.finish_by_at) <= now then
    fail(id, outcome, errors.deadline_exceeded)
    return 'failed'
  end
  if counts and redis.call('HINCRBY', job_key(id), 'crashes', 1) >= tonumber(record.max_crashes) then
    fail(id, outcome, outcome == 'hung' and errors.hung or errors.worker_lost)
    return 'failed'
  end
  if redis.call('HINCRBY', job_key(id), 'requeues', 1) > tonumber(record.max_requeues) then
    fail(id, outcome, errors.requeued_too_often)
    return 'failed'
  end
  redis.call('HSET', job_key(id), 'status', 'queued', 'token', '', 'worker', '', 'painting_at', '', 'progress', '',
    'mask_asked', '', 'mask_effective', '', 'mask_path', '', 'call_size', '', 'shared', '')
  if solo then
    redis.call('HSET', job_key(id), 'solo', '1')
  end
  -- What this claim wrote is nobody's: its blobs go once whoever wrote them can write no more.
  redis.call('ZADD', key('wipe'), int(now + a.again_ms), id .. '/' .. record.token .. '#claim')
  redis.call('ZREM', key('leases'), id)
  close_attempt(id, outcome)
  add_ready(id, record)
  relist(id, record, 'running', 'queued')
  watch_deadline(id, record)
  emit(id, 'status', 'queued')
  return 'queued'
end

-- For clients that wait for the events of a job or a batch: deleting a stream wakes nobody.
local function note_wiped(id)
  redis.call('XADD', key('wiped'), 'MAXLEN', '~', MAX_WIPED_KEPT, '*', 'job_id', id)
  redis.call('PEXPIRE', key('wiped'), WIPED_KEPT_MS)
end

-- Deletes every trace of a job from Redis and puts its blobs on the wipe list: now, and again when no worker that
-- still holds it can write any more.
local function wipe(id, tombstone, tombstone_ms, again_ms)
  local record = read(id, 'status', 'queue', 'tenant', 'priority', 'cost', 'tags', 'idempotency', 'key_id',
    'finished_at', 'stored_bytes', 'shares')
  if record.finished_at == '' then
    count_in_batch(id, 'deleted')
  end
  remove_ready(id, record)
  relist(id, record, record.status, '')
  redis.call('ZREM', key('leases'), id)
  redis.call('ZREM', key('deadlines'), id)
  redis.call('ZREM', key('expiry'), id)
  leave_active(id, record)
  for share in string.gmatch(record.shares, '%S+') do
    release_shared(share)
  end
  -- Records of earlier releases have not counted their bytes.
  add_stored(record.tenant, -(tonumber(record.stored_bytes) or 0))
  forget_stored(record.tenant)
  redis.call('DEL', job_key(id), key('events', id))
  note_wiped(id)
  forget_webhooks(id)
  redis.call('SET', key('tombstone', id), cjson.encode({tenant = record.tenant, by = tombstone}), 'PX',
    int(tombstone_ms))
  redis.call('ZADD', key('wipe'), int(now), id .. '#now', int(now + again_ms), id .. '#late')
  return record
end

-- Returns 'expired' while the job's tombstone exists, else 'missing'; to another tenant always 'missing'.
local function why_missing(id, tenant)
  local tombstone = redis.call('GET', key('tombstone', id))
  if tombstone and cjson.decode(tombstone).tenant == tenant then
    return 'expired'
  end
  return 'missing'
end

-- Job views for callers ---------------------------------------------------------------------------------

-- Returns how many jobs would be claimed before this one if none came; -1 unless it waits. An estimate, because
-- tenants take turns.
local function position_of(id, record)
  local ahead = redis.call('ZRANK', ready_key(record), id)
  if not ahead then
    return -1
  end
  local function waiting_of(tenant)
    local count = 0
    for _, priority in ipairs(PRIORITIES) do
      count = count + redis.call('ZCARD', key('ready', record.queue, tenant, priority))
    end
    return count
  end
  for _, priority in ipairs(PRIORITIES) do
    if LEVELS[priority] > LEVELS[record.priority] then
      ahead = ahead + redis.call('ZCARD', key('ready', record.queue, record.tenant, priority))
    end
  end
  local others = 0
  for _, tenant in ipairs(redis.call('ZRANGE', key('tenants', record.queue), 0, 255)) do
    if tenant ~= record.tenant then
      others = others + math.min(waiting_of(tenant), ahead + 1)
    end
  end
  return ahead + others
end

local function workers_online(queue)
  return redis.call('ZCOUNT', key('workers', queue), '(' .. int(now), '+inf')
end

-- Returns the worker milliseconds that a job of this cost takes, estimated from the last jobs of its queue; nil while
-- unknown.
local function expected_ms(queue, cost)
  local pace = redis.call('HMGET', key('pace', queue), 'ms', 'cost')
  return pace[1] and pace[1] / pace[2] * cost
end

-- Returns the milliseconds until a waiting job is claimed: the work ahead, shared by the workers online, and half a
-- job, because each is in the middle of one. -1 while unknown. It does not change until something ends.
local function wait_ms(record, place)
  local workers, waiting = workers_online(record.queue), redis.call('ZCARD', key('ready', record.queue))
  local each = waiting > 0 and redis.call('GET', key('load', record.queue)) or nil
  each = each and expected_ms(record.queue, each / waiting)
  if place < 0 or workers == 0 or not each then
    return -1
  end
  return math.floor(each * (place / workers + 0.5))
end

-- Returns the view of a job: its fields, its place, the milliseconds until it is claimed, and those that it takes.
local function view(id)
  local record = read(id, 'status', 'queue', 'tenant', 'priority', 'cost')
  local place = record.status == 'queued' and position_of(id, record) or -1
  local takes = expected_ms(record.queue, record.cost)
  return {redis.call('HGETALL', job_key(id)), place, wait_ms(record, place), takes and math.floor(takes) or -1}
end
