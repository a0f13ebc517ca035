"""Those who wait for a job, or follow its events."""
