"""Logs, metrics and traces. Knows nothing of the rest of the service."""
