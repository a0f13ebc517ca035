"""Erasers: nets that fill a hole in one go, without a prompt. Knows onnxruntime, and no torch."""
