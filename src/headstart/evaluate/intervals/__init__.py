"""Confidence intervals: Wilson's for shares, the bootstrap for other metrics, and minimum widths for these.

A way to compute an interval goes in here; which metric has which interval is `headstart.evaluate.evaluation`.
"""
