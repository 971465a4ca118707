"""Plots for notebooks, drawn on axes of matplotlib from the same record as the diagrams of the page.

One file for each kind of plot goes in here. It takes a block of the record and axes, and returns the axes.
"""
