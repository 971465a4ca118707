"""The audit: near duplicates, leaks, and everything that a user should know of the data before a fit.

A check of a read dataset goes in here. Nothing here changes how data are read.
"""
