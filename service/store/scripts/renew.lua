-- Extends the leases of the jobs that a worker paints. Returns a verdict for each claim:
-- ok, cancel (asked for), late (finish deadline passed), stale (no longer this worker's).
local verdicts = {}
for _, claim in ipairs(a.claims) do
  local id, token = claim[1], claim[2]
  local record = read(id, 'status', 'token', 'cancel_requested_at', 'finish_by_at')
  local verdict = 'ok'
  if record.status ~= 'running' or record.token ~= token then
    verdict = 'stale'
  elseif record.cancel_requested_at ~= '' then
    verdict = 'cancel'
  elseif tonumber(record.finish_by_at) <= now then
    verdict = 'late'
  end
  if verdict ~= 'stale' then
    redis.call('ZADD', key('leases'), int(now + a.lease_ms), id)
  end
  table.insert(verdicts, verdict)
end
return verdicts
