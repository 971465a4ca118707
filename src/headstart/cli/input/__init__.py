"""Input of the command line: arguments, items and standard input.

Code that turns them into arguments of Python functions goes in here. Nothing here prints.
"""
