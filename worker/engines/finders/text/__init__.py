"""Written text: lines are detected by a small network, and narrowed to their strokes without one.

One idea a file: `detecting` (from the picture to quadrilaterals), `band` (a line and what lies
around it), `layers` (what the ground is, and what lies over it), `modes` (colors that many pixels
share), `letters` (the colors of the text itself), `halo` (outlines, glow and shadows around it),
`strokes` (all of it in turn), `finder` (the adapter).
"""
