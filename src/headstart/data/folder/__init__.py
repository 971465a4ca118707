"""Folders and archives as data: which files they contain, and what their folder names mean.

Code that interprets a layout of files on disk belongs here.
"""
