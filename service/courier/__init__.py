"""The courier: reaps like every worker, and wipes blobs that nobody may keep."""
