"""Heads that mark spans of words: a linear map of word rows, then the best path of tags.

What serves the closed-form solution stands here too: rows with their neighbours, left-out scores, the choice of the
decoding. What is trained by gradients stands in `headstart.tune.words`.
"""
