"""Shared by the bodies of several libraries: pooling, training, copies, parameter groups, adapters, model cards.

A helper that serves the bodies of only one library belongs to that library's package.
"""
