"""The storage backends of a lake."""
