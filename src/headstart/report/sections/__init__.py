"""The sections of a page, each a function from the record and the gallery to a `PageSection`.

A section whose block of the record is missing has no content, and the page leaves it out. A new section goes in here.
"""
