"""What the API and the workers must agree on: the lowest floor of the house.

Nothing here may import Flask, numpy or torch, nor anything above this folder.
"""
