"""Pictures and sounds: detecting what a file contains, and reading one picture or sound within fixed limits.

Readers of other media files belong here. Nothing here knows about labels or tables.
"""
