"""What is in the container image apart from the flows."""
