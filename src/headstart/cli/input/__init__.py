"""What comes in on the command line: items, typed text, and options of encoding.

Nothing here prints.
"""
