"""Predictions of several models for the same items, and the folder of a comparison.

Where predictions come from goes in here; figures and tests are in `headstart.evaluate.comparison`.
"""
