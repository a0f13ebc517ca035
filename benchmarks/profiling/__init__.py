"""Attributes the CPU time of running processes to places in the code."""
