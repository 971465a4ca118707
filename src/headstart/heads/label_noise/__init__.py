"""Label noise: detecting labels that leave-one-out predictions contradict, and fitting a head without them.

Methods for wrong labels go in here.
"""
