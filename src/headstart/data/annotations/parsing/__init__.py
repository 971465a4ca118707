"""JSON, XML and YAML of annotation files, within bounds, with errors that name the line.

A module belongs here if it parses one syntax and knows nothing of annotations.
"""
