"""What is kept between processes: converted bodies and rows of features, in one folder that may be removed at any time.

Whatever is stored under a digest goes in here. It encodes nothing.
"""
