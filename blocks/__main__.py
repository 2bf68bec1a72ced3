"""`python -m blocks`: register the project's Prefect blocks from the environment.

Exit codes: 0 done (also when nothing changed), 1 the Prefect API failed, 2 usage, 3 the
lake's storage can't hold a lake.
"""

import argparse
import os
import sys

from prefect.settings import PREFECT_API_URL

from blocks.api import explain_api
from blocks.register import VARIABLES, prove_storage, register, wanted_blocks
from blsquest.core.errors import Misuse, QuestError


def main() -> int:
    """Register the documents, and say what was done with each."""
    described = "\n".join(f"  {name}\n      {purpose}" for name, purpose in VARIABLES.items())
    argparse.ArgumentParser(
        prog="python -m blocks",
        description="Register the Prefect blocks of the lake and its sources, from the "
        "environment.\nRun it as often as you like: what is as wanted already stays.",
        epilog=f"variables:\n{described}\n\n"
        "The Prefect API is the active profile's, or PREFECT_API_URL's.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        blocks = wanted_blocks(os.environ)
        if not PREFECT_API_URL.value():
            raise Misuse(
                "There is no Prefect server to register the blocks in: PREFECT_API_URL is not set.",
                "Log in to Prefect Cloud (prefect cloud login), or start a server (make dashboard) "
                "and set PREFECT_API_URL=http://127.0.0.1:4200/api.",
            )
        if unproven := prove_storage(blocks):
            sys.stdout.write(f"{unproven}\n")
        with explain_api() as address:
            sys.stdout.write(f"Registering in the Prefect API at {address}\n")
            for done in register(blocks):
                sys.stdout.write(f"  {done.sentence()}\n")
    except QuestError as error:
        sys.stderr.write(f"{error.what}\n{error.remedy}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
