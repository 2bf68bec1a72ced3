"""What every other package may use. Standard library only."""
