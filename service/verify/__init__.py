"""`paintjob verify`: compare a result with its original, offline.

Knows pictures and the contract; must not know the broker or the API.
"""
