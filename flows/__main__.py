"""`python -m flows` is the command `blsquest`."""

from flows.cli.app import main

main()
