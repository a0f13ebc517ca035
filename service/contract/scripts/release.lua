-- Takes a job from a worker that cannot finish it: its horse died or hung, or the worker drains.
-- Gives what became of it (canceled, failed, queued) or stale.
local record = read(a.job_id, 'status', 'token', 'painting_at', 'batch')
if record.status ~= 'running' or record.token ~= a.token then
  return 'stale'
end
local alone = record.batch == '1'
local died = a.outcome ~= 'drained'
return give_back(a.job_id, a.outcome, a.errors, died and alone and record.painting_at ~= '', died and not alone)
