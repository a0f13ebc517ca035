"""The courier: reaps like every worker, wipes blobs that have expired, and sends webhooks."""
