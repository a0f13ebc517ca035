"""A caller's batch: many items under one id, their state, and the zip of their results.

Takes parsed items; must not know how a request was sent.
"""
