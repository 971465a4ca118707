"""Confidence intervals: Wilson's for shares, the bootstrap for other metrics, and the least width that either may have.

A way to compute an interval goes in here; which metric has which interval is `headstart.evaluate.evaluation`.
"""
