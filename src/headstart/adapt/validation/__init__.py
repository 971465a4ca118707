"""Scores of an adapted model that need no labels of the target.

A score that compares models by their outputs on unlabelled items goes in here; fitting models does not.
"""
