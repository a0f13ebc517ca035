"""The ground of a picture, and the figures on it.

A picture is often a ground (flat, graded, or a fine even texture) with figures on it. This package
finds the ground where it meets a hole or an extended side and continues it; it knows nothing of
patches and of engines. One idea a file: `surface` (the ground's low frequencies), `membrane` (what
the surface misses at the rim), `grain` (the ground's noise or texture), `figures` (what stands on
it), `frames` (outermost lines that are not the picture), `outside` (past the border), `inside`
(around a hole), `rarity` (what exists once in a texture).
"""
