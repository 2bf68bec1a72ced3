"""The generated publisher that `make run` and the tests talk to."""
