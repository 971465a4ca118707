"""What commands print and write: answers, tables, run folders.

A command is a module of `headstart.cli`; how its result looks goes in here.
"""
