"""Readers and writers of annotations: named spans of words, boxes and masks.

A module here is a file format, under its usual name, or what formats share: how tags become spans (`tags`), where
pictures are and how large (`picture_files`), how boxes are checked (`drawn_boxes`), what is said about repairs
(`remarks`). `registry` lists the formats.
"""
