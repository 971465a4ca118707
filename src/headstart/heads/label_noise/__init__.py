"""Labels that leave-one-out predictions contradict: which rows they are, and a head fitted without them.

Methods for wrong labels go in here.
"""
