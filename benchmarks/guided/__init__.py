"""A net's low frequencies with the picture's own detail: `python -m benchmarks.guided`."""
