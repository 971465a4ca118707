"""Characters and words: encodings, Unicode forms, scripts and languages, names of files.

Pure functions on bytes and strings. Nothing here knows of tables, folders or items.
"""
