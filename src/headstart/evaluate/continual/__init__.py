"""Continual learning: accuracy on every task of a stream after each step, and what was forgotten.

Metrics of the accuracy matrix go in here; nothing in here fits or changes a model.
"""
