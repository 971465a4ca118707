"""Two models on the same items: what their outputs share, their differences, and what the result is made of.

What several commands compare goes in here; whole comparisons are in `headstart.evaluate.comparison`.
"""
