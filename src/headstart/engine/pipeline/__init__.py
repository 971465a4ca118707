"""How items become rows on this machine: look up, encode what is missing, gather, and sum.

Code that passes items through a body belongs here; what a body runs on is the concern of `headstart.engine.backends`.
"""
