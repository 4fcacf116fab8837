"""The few helpers that everything else may use: errors, JSON, YAML, time, identifiers."""
