"""What the engine knows about a body: its recipe, its batches, the machine, and how well two forms of it agree.

A form is a backend with a number format. The other sub-packages build on this one; nothing here runs a backend.
"""
