"""Prefect blocks as code: the lake, its sources, and the command that registers them."""
