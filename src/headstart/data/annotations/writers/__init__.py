"""Writers of formats of pictures: what they share, and one module for each format.

A module belongs here if it writes what the format of its name reads.
"""
