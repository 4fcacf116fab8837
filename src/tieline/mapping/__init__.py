"""Pure mapping: a configuration and a payload become entity updates and meter readings.

The package imports nothing by itself, so that a sandbox process stays small.
"""
