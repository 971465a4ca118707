"""Training of heads and bodies that mark spans of words, through the one training loop.

A module here makes a `headstart.tune.training.job.Job` for words; the loss of all of them is that of a linear chain.
"""
