"""Readers and writers of annotations: named spans of words, boxes and masks.

A module here is a file format, under its usual name, with its reader and its writer; `registry` lists them. What they
share is beside them: how tags become spans (`tags`), where pictures are and how large (`picture_files`), how boxes are
checked (`drawn_boxes`), and what is said about repairs (`remarks`).
"""
