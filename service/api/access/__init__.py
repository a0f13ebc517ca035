"""Authentication of callers, and their limits."""
