"""Bytes to values and back, one module per dialect.

Pure: nothing here knows Twisted, a session or a store.
"""
