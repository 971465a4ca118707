"""Metrics of annotations, each with its interval over items: spans of words, boxes, masks.

A kind of annotation has one module here, with its evaluation, its gain over a reference, and baselines that need no
model; what only counts stands in modules of its own beside it.
"""
