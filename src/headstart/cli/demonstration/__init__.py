"""The data that the command demo works on: photographs, sentences and drawings with annotations.

What makes or cuts such data goes in here; what the command shows is in `headstart.cli.demo`.
"""
