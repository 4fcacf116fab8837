"""What became of outbound events, delivery by delivery and in figures."""
