"""`python -m flows` is the command `blsquest`."""

from flows.cli import main

main()
