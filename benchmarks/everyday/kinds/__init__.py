"""The generators, a module a kind; each has `CASES`."""
