"""Preprocessing of items to arrays without torch: decoding, resizing and log-mel spectrograms as the libraries do them.

A transform that a body was trained with belongs here.
"""
