"""Connections, threads and memory of the API's processes: all that knows gunicorn, and no Flask."""
