"""The few helpers that everything else may use: errors, JSON, time, identifiers."""
