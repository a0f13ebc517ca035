"""The documents under `docs`: which there are, in which order, and as HTML.

`pages` is a link to `docs` in a checkout, and a folder in what is built from one. Must not know
Flask, jobs or stores.
"""
