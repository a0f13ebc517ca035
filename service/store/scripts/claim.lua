-- Claims the next jobs of a queue by policy: first tenant by virtual time, its highest priority, its oldest; then jobs
-- that may share its engine call. Every job is charged to its own tenant.
-- Returns a list of {job id, spec, attempt, milliseconds since the job was accepted, trace}; the same jobs again for
-- the same claim_id.
local queue, claim_id = a.queue, a.claim_id
local LOOK_AT_TENANTS = 16
local LOOK_AT_UNKNOWN = 64
local PATIENCE_MS = 2000
-- How many late jobs one run of the script may end: it holds up everybody.
local ends_left = 500

local function knows(schema)
  for _, known in ipairs(a.schemas) do
    if tostring(known) == schema then
      return true
    end
  end
  return false
end

local FIELDS = {'status', 'schema', 'queue', 'tenant', 'priority', 'seq', 'created_at', 'started_at',
  'start_by_at', 'finish_by_at', 'finish_after_claim_ms', 'call_key', 'batch_key', 'model', 'solo', 'cost', 'charge', 'attempts', 'tags'}

-- The oldest job of one priority that can be claimed now; what is late ends here.
local function head_of(tenant, priority)
  local index = key('ready', queue, tenant, priority)
  local unknown = 0
  while ends_left > 0 and unknown < LOOK_AT_UNKNOWN do
    local id = redis.call('ZRANGE', index, unknown, unknown)[1]
    if not id then
      return nil
    end
    local record = read(id, unpack(FIELDS))
    if record.status ~= 'queued' then
      -- Never seen, but repaired all the same: an index entry without a waiting job.
      redis.call('ZREM', key('ready', queue), id)
      redis.call('ZREM', index, id)
    elseif is_late(record) then
      fail(id, nil, a.errors.deadline_exceeded)
      ends_left = ends_left - 1
    elseif knows(record.schema) then
      record.id = id
      record.waited = now - record.created_at
      -- Before schema 4 the field was called `batch_key`.
      record.call_key = record.call_key ~= '' and record.call_key or record.batch_key
      return record
    else
      unknown = unknown + 1
    end
  end
  return nil
end

-- A low job gains a level for each minute waited, within its tenant.
local function level_of(record)
  local level = LEVELS[record.priority]
  if record.priority == 'low' then
    level = math.min(2, level + math.floor(record.waited / AGING_MS))
  end
  return level
end

local function best_head(tenant)
  local best
  for _, priority in ipairs(PRIORITIES) do
    local head = head_of(tenant, priority)
    if head then
      head.level = level_of(head)
      local older = best and head.level == best.level and tonumber(head.seq) < tonumber(best.seq)
      if not best or head.level > best.level or older then
        best = head
      end
    end
  end
  return best
end

-- The best job of each of the first tenants, in the order they would be served.
local function find_heads(limit)
  local heads = {}
  local place = 0
  while #heads < limit and ends_left > 0 do
    local tenant = redis.call('ZRANGE', key('tenants', queue), place, place)[1]
    if not tenant then
      break
    end
    local head = best_head(tenant)
    if head then
      table.insert(heads, head)
    end
    if not head and tenant_is_idle(queue, tenant) then
      -- All it had was late. The next one has moved up to this place.
      leave_line(queue, tenant)
    else
      place = place + 1
    end
  end
  return heads
end

-- Returns whether a tenant has waited so long that no other may be served before it.
local function is_impatient(heads)
  for _, head in ipairs(heads) do
    if head.waited > PATIENCE_MS then
      return true
    end
  end
  return false
end

local function take(record)
  local id = record.id
  if redis.call('ZSCORE', key('tenants', queue), record.tenant) then
    -- The more weight a tenant has, the less it is charged; the cost of the job stays.
    local charge = record.charge ~= '' and record.charge or record.cost
    redis.call('ZINCRBY', key('tenants', queue), charge, record.tenant)
  end
  remove_ready(id, record)
  relist(id, record, 'queued', 'running')
  redis.call('ZREM', key('deadlines'), id)
  redis.call('ZADD', key('leases'), int(now + a.lease_ms), id)
  redis.call('HINCRBY', job_key(id), 'attempt', 1)
  redis.call('HSET', job_key(id), 'status', 'running', 'token', claim_id, 'worker', a.worker,
    'painting_at', '', 'report', 0, 'call_size', 1, 'shared', '')
  if record.started_at == '' then
    redis.call('HSET', job_key(id), 'started_at', int(now))
    if record.finish_after_claim_ms ~= '' then
      -- Never later than what was shown before.
      local finish_by_at = math.min(tonumber(record.finish_by_at), now + record.finish_after_claim_ms)
      redis.call('HSET', job_key(id), 'finish_by_at', int(finish_by_at))
    end
  end
  open_attempt(id, record.attempts, a.worker)
  redis.call('RPUSH', key('claim', claim_id), id)
end

local function pick_first(heads)
  if a.warm_model ~= '' and not is_impatient(heads) then
    for _, head in ipairs(heads) do
      if head.model == a.warm_model then
        return head
      end
    end
  end
  return heads[1]
end

local function pick_companion(first)
  local heads = find_heads(LOOK_AT_TENANTS)
  local candidates = is_impatient(heads) and {heads[1]} or heads
  for _, head in ipairs(candidates) do
    if head.call_key == first.call_key and head.solo ~= '1' then
      return head
    end
  end
  return nil
end

-- Returns whether one of the jobs that the worker still works on must be alone.
local function is_closed()
  for _, held in ipairs(a.beside) do
    local record = read(held[1], 'token', 'solo')
    if record.token == held[2] and record.solo == '1' then
      return true
    end
  end
  return false
end

-- Notes of jobs that are worked on at the same time that none of them is alone.
local function note_shared(taken)
  for _, id in ipairs(taken) do
    redis.call('HSET', job_key(id), 'shared', '1')
  end
  for _, held in ipairs(a.beside) do
    if read(held[1], 'token').token == held[2] then
      redis.call('HSET', job_key(held[1]), 'shared', '1')
    end
  end
end

local function claim()
  local wide = a.max_jobs > 1 or a.warm_model ~= ''
  local first = pick_first(find_heads(wide and LOOK_AT_TENANTS or 1))
  if not first or (#a.beside > 0 and (first.solo == '1' or is_closed())) then
    return {}
  end
  take(first)
  local taken = {first.id}
  while #taken < a.max_jobs and first.call_key ~= '' and first.solo ~= '1' do
    local companion = pick_companion(first)
    if not companion then
      break
    end
    take(companion)
    table.insert(taken, companion.id)
  end
  if #a.beside > 0 then
    note_shared(taken)
  end
  redis.call('PEXPIRE', key('claim', claim_id), int(a.claim_kept_ms))
  for _, id in ipairs(taken) do
    redis.call('HSET', job_key(id), 'call_size', #taken)
    put_out(id, 'job.running', emit(id, 'status', 'running'))
  end
  return taken
end

-- Returns the jobs that this claim still holds when it is repeated.
local function claimed_before()
  local kept = {}
  for _, id in ipairs(redis.call('LRANGE', key('claim', claim_id), 0, -1)) do
    local record = read(id, 'status', 'token')
    if record.status == 'running' and record.token == claim_id then
      table.insert(kept, id)
    end
  end
  return kept
end

local ids
if redis.call('EXISTS', key('claim', claim_id)) == 1 then
  ids = claimed_before()
else
  ids = claim()
end
local claimed = {}
for _, id in ipairs(ids) do
  local record = read(id, 'spec', 'attempt', 'created_at', 'trace')
  table.insert(claimed, {id, record.spec, tonumber(record.attempt), now - record.created_at, record.trace})
end
return claimed
