"""Ranking of sources: which pretrained body serves these labelled items best, and how certain that order is."""
