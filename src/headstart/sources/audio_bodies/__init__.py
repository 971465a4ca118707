"""Bodies for sounds that no library builds: their networks, the check of their files, and their sources.

One network goes into one file, its source into another. A body of timm or transformers goes into the room of its
library.
"""
