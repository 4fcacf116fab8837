"""Figures beside the machine's own ceilings; `python -m benchmarks --help`."""
