"""What is put into a body or beside it: layers, low-rank modules, side networks, fresh and source heads.

A change of a body's structure that strategies use goes in here.
"""
