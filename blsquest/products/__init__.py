"""What is made from a lake, the rooms brought together. No Prefect."""
