"""Heads that find objects: solved on the cells of a grid, or trained."""
