"""Output of the command line: predictions, tables, run folders.

Commands are modules of `headstart.cli`; code that formats, prints or writes their results goes in here.
"""
