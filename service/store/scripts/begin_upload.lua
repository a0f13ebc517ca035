-- Puts a job's blobs on the wipe list before the first of them is written; `submit` takes them off.
redis.call('ZADD', key('wipe'), int(now + a.due_ms), a.job_id .. '#upload')
return 'ok'
