"""Items that belong together, and the part that each unit of items goes to.

What decides which items may not be parted goes in here; the splits themselves are `headstart.data.splits`.
"""
