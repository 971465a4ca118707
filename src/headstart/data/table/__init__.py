"""Columns and their roles: which column holds the items, the labels, the splits and the groups.

A rule that tells what a column is goes in here. How a file becomes columns is the concern of `headstart.data.formats`.
"""
