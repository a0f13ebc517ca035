"""From a request as it was read to an accepted job, or to every fault of it. Knows no Flask."""
