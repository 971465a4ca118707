"""Columns and their roles: which column holds the items, the labels, the splits and the groups.

Rules that infer what a column is belong here. `headstart.data.formats` turns files into columns.
"""
