"""The backends that run a frozen body: one interface, one module for each backend.

A new runtime or device is one module here and one line in `choice`. Nothing else in the package imports a runtime.
"""
