-- Puts the blobs of a job or an upload on the wipe list before the first of them is written; `submit` takes a job's
-- off.
redis.call('ZADD', key('wipe'), int(now + a.due_ms), a.owner_id .. '#upload')
return 'ok'
