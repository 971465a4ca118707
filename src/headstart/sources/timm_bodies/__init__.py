"""All that knows the timm library: building its bodies and the arguments that it may be given.

`headstart.sources.timm` is the source that uses it.
"""
