"""Look up, encode what is missing, gather and sum: how items become rows on this machine.

What passes items through a body goes in here; what a body runs on is the concern of `headstart.engine.backends`.
"""
