"""Folders and archives as data: what lies below them, and what the names of folders stand for.

A layout of files on disk goes in here.
"""
