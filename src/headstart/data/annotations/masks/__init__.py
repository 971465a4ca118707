"""Masks: values of files and what they stand for, shapes and their codes.

A module belongs here if it knows what a pixel's class is, whatever file format said it.
"""
