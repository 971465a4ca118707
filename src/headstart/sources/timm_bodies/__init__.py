"""All that knows the timm library: building its bodies, the arguments that it may be given, training-ready architectures.

`headstart.sources.timm` is the source that uses it.
"""
