"""What the operator lets single organisations reach inside the network."""
