"""Exact updates and removals: moments of further items, and the head and left-out scores that follow from the sum.

What changes a fitted model without encoding its training items again goes in here.
"""
