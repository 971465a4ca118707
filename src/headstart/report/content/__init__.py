"""The content of reports: sentences, tables, provenance and metric names, derived from the record of a fit alone.

What the model card and the HTML page share goes in here.
"""
