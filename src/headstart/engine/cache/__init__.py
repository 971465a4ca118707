"""The cache on disk: converted bodies and feature rows, in one folder that may be removed at any time.

Code that stores results under a digest belongs here. Nothing here encodes items.
"""
