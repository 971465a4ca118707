"""Whether an exported folder answers as its model does: items, the new process that runs it, the comparison.

What every format shares after its folder is written goes in here. Nothing in here knows a format.
"""
