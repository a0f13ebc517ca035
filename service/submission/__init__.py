"""From a parsed request to an accepted job: inspection, planning, admission, storing.

Knows the store, pictures and outbound fetching; must not know Flask or how a request was sent.
"""
