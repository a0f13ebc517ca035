"""Finders whose models are classes of transformers.

Their pictures are prepared here: transformers' own preparation wants torchvision, whose build for
accelerators does not load beside a torch for processors.
"""
