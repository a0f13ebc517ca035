"""Painting with diffusion models: the only place that imports torch and diffusers."""
