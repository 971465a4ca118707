"""The feedback store: corrections and labels that clients send, acknowledged when they are committed.

What is kept and how goes in here; nothing of HTTP or of models does.
"""
