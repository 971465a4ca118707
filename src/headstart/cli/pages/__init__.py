"""Content of the generated pages of the documentation.

Code that reads facts from docstrings, registries or parsers for a page goes in here.
"""
