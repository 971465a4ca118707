"""What a body is to the engine: its recipe, its arrays, the machine that it runs on, and how two forms of it agree.

The base of the other sub-packages; it runs nothing.
"""
