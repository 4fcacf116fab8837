"""Connectors: sources and sinks of data outside, how to reach them and how they fare."""
