"""Adapters to what paints: weight-free methods and diffusion pipelines, behind one protocol."""
