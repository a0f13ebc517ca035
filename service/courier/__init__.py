"""The courier: reaps like every worker, wipes blobs that nobody may keep, and tells of jobs."""
