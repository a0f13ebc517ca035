"""The worker: a parent that claims, watches and commits, and a horse that paints."""
