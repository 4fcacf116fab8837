"""Applications: the programs on whose behalf keys and tokens are issued."""
