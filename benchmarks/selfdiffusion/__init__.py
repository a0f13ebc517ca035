"""The built-in model of `generate` beside completion from patches: `make bench-self`."""
