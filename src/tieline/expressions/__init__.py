"""Untrusted expressions: a pool of sandbox processes, and JSONata and JSONPath to run inside them.

The package imports nothing by itself, so that a sandbox process stays small.
"""
