"""Pictures and sounds: what a file holds, and how one picture or one sound is read within bounds.

A reader of another kind of media file goes in here. Nothing here knows of labels or tables.
"""
