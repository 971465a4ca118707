"""The parts that depend on the timm library: building its bodies, and checking the arguments given to it.

`headstart.sources.timm` is the source that uses them.
"""
