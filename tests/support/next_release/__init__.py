"""A worker of a release after this one: it knows one schema more.

`python -m tests.support.next_release`
"""
