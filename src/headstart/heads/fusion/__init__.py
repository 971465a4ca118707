"""Feature fusion: several sources or layers in one head, by concatenation, banded ridge, stacking or selection.

Methods that combine groups of features go in here.
"""
