"""Groups of items that belong together, and the assignment of such groups to the parts of a split.

Rules on which items must not be separated belong here; the splits themselves are in `headstart.data.splits`.
"""
