"""Steps of a claimed job, from its blobs to its proven outputs.

Knows blobs, pictures and the protocol of engines; knows neither Redis nor any engine.
"""
