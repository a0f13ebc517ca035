-- Forgets an upload, and puts its blob on the wipe list as one that no job took; jobs that use it hold their own links.
redis.call('DEL', key('upload', a.upload_id))
release_upload(a.upload_id, a.tenant)
redis.call('ZADD', key('wipe'), 'XX', 0, a.upload_id .. '#upload')
return 'dropped'
