"""Items: as clients send them, as a model reads them, and as the feedback store keeps them.

What turns one into another goes in here, within bounds; nothing of routes does.
"""
