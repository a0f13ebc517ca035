"""How visible the edge of what was painted is, by the blend: `python -m benchmarks.seams`."""
