-- One pass of a reaper, every second: expired leases, passed deadlines, expired results, missing wake-ups.
-- Returns JSON: {requeued = {queue = n}, missing = {queue = n}, ended = n, expired = n, held = bool}.
local MAX_AT_ONCE = 100
-- A pause shorter than this has cost no lease: they are renewed several times within it. Not below what lies
-- between two passes of one reaper.
local REST_MS = math.max(1500, 0.3 * a.lease_ms)
local GUARD_MS = 2000
local SHORT_FOR_MS = 900
local SURPLUS = 1000

local report = {requeued = {}, missing = {}, ended = 0, expired = 0, held = false}
local last = redis.call('GET', key('reaped_at'))
-- The clock may have been set back: a last pass in the future must not keep all reapers still until then.
local since = last and math.abs(now - last)
if since and since < a.min_gap_ms then
  return cjson.encode(report)
end
redis.call('SET', key('reaped_at'), int(now))
if not since or since > REST_MS then
  -- Nobody reaped for a while, so perhaps nobody could renew either: live workers come first.
  redis.call('SET', key('hold_until'), int(now + 0.75 * a.lease_ms))
end
report.held = now < tonumber(redis.call('GET', key('hold_until')) or 0)

local function due(index)
  return redis.call('ZRANGEBYSCORE', key(index), '-inf', int(now), 'LIMIT', 0, MAX_AT_ONCE)
end

local function reap_lease(id)
  local record = read(id, 'status', 'queue', 'painting_at', 'call_size', 'batch', 'shared')
  if record.status ~= 'running' then
    redis.call('ZREM', key('leases'), id)
    return
  end
  local alone = is_alone(record)
  if requeue(id, 'lease_expired', a.errors, alone and record.painting_at ~= '', not alone) == 'queued' then
    report.requeued[record.queue] = (report.requeued[record.queue] or 0) + 1
  else
    report.ended = report.ended + 1
  end
end

local function reap_deadline(id)
  if read(id, 'status').status == 'queued' then
    fail(id, nil, a.errors.deadline_exceeded)
    report.ended = report.ended + 1
  end
  redis.call('ZREM', key('deadlines'), id)
end

-- Wake-ups may be lost (a reply cut, the list deleted): there must be one for each job that can be claimed.
local function count_missing(queue)
  local list = a.rq_prefix .. ':queue:' .. queue
  -- Wake-ups that a worker took off the list and did not clear before it died. Nothing reads them, so only bound them.
  redis.call('LTRIM', list .. ':intermediate', -256, -1)
  local waiting = redis.call('ZCARD', key('ready', queue))
  local missing = waiting - redis.call('LLEN', list)
  if missing <= 0 then
    redis.call('DEL', key('short', queue))
    -- Wake-ups of jobs that were canceled or late pile up while no worker is there to take them.
    redis.call('LTRIM', list, 0, waiting + SURPLUS - 1)
    return 0
  end
  redis.call('SET', key('short', queue), int(now), 'NX')
  if math.abs(now - redis.call('GET', key('short', queue))) < SHORT_FOR_MS then
    return 0
  end
  -- One reaper sends the wake-ups; the guard gives it time to.
  return redis.call('SET', key('guard', queue), '1', 'NX', 'PX', GUARD_MS) and missing or 0
end

if not report.held then
  for _, id in ipairs(due('leases')) do
    reap_lease(id)
  end
end
for _, id in ipairs(due('deadlines')) do
  reap_deadline(id)
end
for _, id in ipairs(due('expiry')) do
  wipe(id, 'expiry', a.tombstone_ms, a.again_ms)
  report.expired = report.expired + 1
end
for _, queue in ipairs(redis.call('SMEMBERS', key('queues'))) do
  local missing = count_missing(queue)
  if missing > 0 then
    report.missing[queue] = missing
  end
end
return cjson.encode(report)
