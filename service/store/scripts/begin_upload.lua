-- Puts the blobs of a job or an upload on the wipe list before the first of them is written; `submit` takes a job's
-- off.
begin_upload(a.owner_id, a.due_ms)
return 'ok'
