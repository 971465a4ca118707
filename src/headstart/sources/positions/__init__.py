"""Sources that give a row for each position of an item: words of a sentence, cells of a picture.

A module here wraps an open source, gives rows through the engine as every source does, and knows to which position
each row belongs.
"""
