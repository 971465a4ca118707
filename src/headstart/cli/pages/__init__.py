"""What the generated pages of the documentation are made of.

What reads facts off docstrings, registries or parsers for a page goes in here.
"""
