"""Evaluation: metrics with intervals, baselines, the transfer gain, forgetting, and shifts between data.

What is computed from predictions and labels goes in here; nothing in here changes the evaluated model.
"""
