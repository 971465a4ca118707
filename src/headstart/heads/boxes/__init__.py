"""Heads that find objects: solved on the cells of a grid, or trained.

The two heads, what solves one of them, and what both share: cells, scores, the checks of saved ones.
"""
