"""What the methods share about two domains: checks of their rows, moments under other class shares, and drawn rows.

Whatever two methods need goes in here; a method itself stands in front.
"""
