-- Remembers an uploaded picture until it runs out, if its tenant may store another.
-- Returns {verdict, what the tenant stores}: kept, too_many_uploads, too_many_bytes, upload_lost.
local function answer(verdict)
  return {verdict, stored_of(a.tenant)}
end

if redis.call('ZSCORE', key('uploads', a.tenant), a.upload_id) then
  return answer('kept')
end
-- Without an entry that is not due, its blob is wiped, or about to be. The upload counts as long as its blob is there.
local wiped_at = redis.call('ZSCORE', key('wipe'), a.upload_id .. '#upload')
if not wiped_at or tonumber(wiped_at) <= now then
  return answer('upload_lost')
end
local _, _, uploads, bytes = unpack(stored_of(a.tenant))
if a.upload_limit and uploads >= a.upload_limit then
  return answer('too_many_uploads')
end
if a.stored_byte_limit and bytes + a.bytes > a.stored_byte_limit then
  return answer('too_many_bytes')
end
redis.call('SET', key('upload', a.upload_id), a.document, 'PX', int(a.left_ms))
redis.call('ZADD', key('uploads', a.tenant), wiped_at, a.upload_id)
hold_shared(a.tenant, a.upload_id, a.bytes)
return answer('kept')
