"""The same work spread over a cluster with Ray: the session, and extraction by workers.

Only this package and the training and ranking that use its session import Ray.
"""
