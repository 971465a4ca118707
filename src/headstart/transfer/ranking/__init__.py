"""Ranking of sources: which pretrained body serves these labelled items best, and how certain that order is.

What compares sources goes in here; scores from the literature are `headstart.scores`.
"""
