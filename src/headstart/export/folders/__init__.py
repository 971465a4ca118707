"""What folders of other libraries share: the head as one layer, the page that says how to load them, licences.

A format is a module in front; nothing in here knows one.
"""
