"""Characters and words: encodings, Unicode normalization, scripts, languages and file names.

Pure functions on bytes and strings. Nothing here knows about tables, folders or items.
"""
