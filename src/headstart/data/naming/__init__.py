"""Names of columns and labels: common names, equivalent spellings, and words for a missing label.

These are rules on names alone; the modules that read tables and folders apply them.
"""
