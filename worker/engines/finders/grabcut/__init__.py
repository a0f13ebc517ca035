"""Subjects and boxed things without weights: what differs from the ground at the border.

One idea a file: `ground` (a smooth ground, and shadows on it), `cutting` (the cut, in reduced
size), `edges` (its edge at the picture's own size), `finder` (the adapter).

Source: C. Rother, V. Kolmogorov, A. Blake, "GrabCut", SIGGRAPH 2004, as OpenCV has it.
"""
