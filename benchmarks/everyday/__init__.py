"""Pictures as services send them, made by code so that the right answer is known.

Eight kinds: flat, graded, product, sprite, graphic, screenshot, unique, wall. Every generator takes
a seed; the figures that a result must keep stand beside the picture that they belong to.
"""
