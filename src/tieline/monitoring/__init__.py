"""What became of each accepted event: outcomes, and the questions one can ask about them."""
