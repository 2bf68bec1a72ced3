"""The container image, really built and run. Only by name: `make image-test`."""
