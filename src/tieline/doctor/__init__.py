"""Is this installation healthy? A list of findings, each with the next step."""
