"""The audit: near duplicates, leaks, and whatever else a user should know about the data before fitting.

Checks of a dataset that has been read belong here. Nothing here changes how data are read.
"""
