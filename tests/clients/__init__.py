"""Tests with clients and tools of others, generated from `openapi.yaml`."""
