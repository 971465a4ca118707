"""Honest numbers: metrics, intervals, baselines and the transfer gain."""
