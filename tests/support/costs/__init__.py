"""Requests that are small and could be expensive, and a program that measures what they cost."""
