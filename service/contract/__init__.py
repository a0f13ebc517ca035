"""Data that the API and the workers agree on: parameters, job records, errors, geometry, names.

Knows no file, no broker and no framework: it imports nothing else of ours, and no Flask, numpy or
torch.
"""
