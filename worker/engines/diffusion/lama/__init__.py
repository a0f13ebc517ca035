"""LaMa, a net that fills holes in one pass, in torch."""
