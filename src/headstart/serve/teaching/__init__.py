"""Versions of the run folder as a server sees them: opened, watched, and made from feedback.

What writes or follows versions goes in here; what they are is told in `headstart.model.versions`.
"""
