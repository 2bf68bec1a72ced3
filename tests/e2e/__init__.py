"""End to end on loopback: a real Prefect server, the real ECS worker, tasks that really run."""
