"""Several sources, or several layers, in one head: concatenation, banded ridge, late fusion, and selection of features.

A way to combine groups of features goes in here.
"""
