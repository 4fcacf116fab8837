"""Named samples of use cases: what a payload is expected to be mapped to."""
