-- Wipes a job whatever its status. Returns deleted, expired or missing; deleted again for the
-- same delete_id.
local record = read(a.job_id, 'tenant', 'status', 'idempotency')
if record.status == '' or record.tenant ~= a.tenant then
  local tombstone = redis.call('GET', key('tombstone', a.job_id))
  if tombstone and cjson.decode(tombstone).by == a.delete_id then
    return 'deleted'
  end
  return why_missing(a.job_id, a.tenant)
end
-- The key may have run out and belong to another job by now.
if record.idempotency ~= '' and redis.call('HGET', record.idempotency, 'job_id') == a.job_id then
  redis.call('DEL', record.idempotency)
end
wipe(a.job_id, a.delete_id, a.tombstone_ms, a.again_ms)
return 'deleted'
