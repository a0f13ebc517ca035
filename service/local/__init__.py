"""`paintjob up`: every process of a small deployment, started, watched, restarted and stopped.

Knows the other programs by their command lines only and imports none of them.
"""
