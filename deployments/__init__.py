"""Deployment to Amazon ECS as code: the work pool, the deployments, and what watches them."""
