"""The sources of the install, one file each: what is known without loading, where the weights are, how it is opened.

A further body that comes with the install is one module here and one line in `headstart.sources.embedded`.
"""
