-- Returns what metrics show of the broker, as JSON: {queues = {queue = {waiting, oldest_ms}}, running, groups, late_ms,
-- ended = {"queue status code", n, …}, attempts = {outcome, n, …}, jobs = {{id, worker, ms, spec, progress}, …}}. `jobs`
-- are those whose leases end first, as many as are asked for; ms since their first claim.
local function age_of_first(queue)
  local id = redis.call('ZRANGE', key('ready', queue), 0, 0)[1]
  local created_at = id and redis.call('HGET', job_key(id), 'created_at')
  return created_at and math.max(0, now - created_at) or 0
end

local queues = {}
for _, queue in ipairs(redis.call('SMEMBERS', key('queues'))) do
  queues[queue] = {redis.call('ZCARD', key('ready', queue)), age_of_first(queue)}
end
-- The leases of held jobs are renewed in turn, so that the order says nothing; the caller sorts.
local jobs = {}
local held = a.jobs and a.jobs > 0 and redis.call('ZRANGE', key('leases'), 0, int(a.jobs - 1)) or {}
for _, id in ipairs(held) do
  local record = read(id, 'worker', 'started_at', 'spec', 'progress')
  if record.spec ~= '' then
    table.insert(jobs, {id, record.worker, math.max(0, now - tonumber(record.started_at)), record.spec, record.progress})
  end
end

local due = redis.call('ZRANGE', key('outbox'), 0, 0, 'WITHSCORES')[2]
return cjson.encode({
  queues = queues,
  running = redis.call('ZCARD', key('leases')),
  groups = redis.call('ZCARD', key('outbox')),
  late_ms = due and math.max(0, now - due) or 0,
  ended = redis.call('HGETALL', key('counts', 'ended')),
  attempts = redis.call('HGETALL', key('counts', 'attempts')),
  jobs = jobs,
})
