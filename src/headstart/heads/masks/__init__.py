"""Closed-form heads for masks: a row for each cell of a picture, and a class for each of its pixels.

What goes in here solves, chooses or decodes such a head from moments of cells; bodies and training are elsewhere.
"""
