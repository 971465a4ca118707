"""Names of columns and of labels: which ones are usual, which are the same, and which stand for none.

Rules on names alone; the modules that read tables and folders apply them.
"""
