"""Every family of `generate` at its real size on an accelerator: `python -m benchmarks.gpu`."""
