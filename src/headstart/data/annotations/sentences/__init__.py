"""Spans of characters: the records of annotation tools, and their alignment to words.

A module belongs here if it turns what a tool writes about a text into words and spans.
"""
