"""The stages of a fit in order (prepare, judge, compare, record), and the modules that they use.

Each stage takes the result of the one before. The functions that users call are modules of `headstart.transfer`.
"""
