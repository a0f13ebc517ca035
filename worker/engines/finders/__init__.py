"""Finders: mark the parts of a picture that a region of a request names instead of places.

Knows arrays; knows no files of callers, no blobs, no jobs.
"""
