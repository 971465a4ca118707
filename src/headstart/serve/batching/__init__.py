"""From items to answers: the model that is served, one thread that owns it, and how it is replaced.

Whatever touches the model goes in here; nothing of HTTP does.
"""
