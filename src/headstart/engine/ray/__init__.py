"""Extraction on a Ray cluster: the session, and the workers.

Ray is imported only here, and by training and ranking through this session.
"""
