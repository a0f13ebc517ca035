"""A gallery of what the weight-free methods paint, failures too: `python -m benchmarks.gallery`."""
