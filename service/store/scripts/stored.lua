-- Returns what a tenant stores: jobs, batches, uploads, bytes.
return stored_of(a.tenant)
