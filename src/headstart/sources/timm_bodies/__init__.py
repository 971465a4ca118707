"""All that knows the timm library: building its bodies, the arguments it may be given, fresh architectures.

`headstart.sources.timm` is the source that uses it.
"""
