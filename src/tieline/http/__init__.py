"""The wire: one package per base path, and the frame that they share."""
