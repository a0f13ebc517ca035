"""Following jobs to their end: event streams and waiting.

Knows the store and the documents callers are shown; must not know Flask.
"""
