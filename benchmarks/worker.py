"""One mirror run over one or more surveys in a process of its own, so that its memory is its own.

    python -m benchmarks.worker BLS_URL LAKE [--surveys all] [--per-second 1] [--flow mirror]

It is what the flow `mirror` does, without Prefect; or with `--flow`, that flow, or one that does
nothing.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from benchmarks.timed import print_time
from blocks.publishers import open_bls_root
from blsquest import Lake
from blsquest.core.stop import Workers
from blsquest.lake.run import run
from blsquest.products.surveys import choose
from blsquest.sources.http import SURVEYS_AT_ONCE

CONTACT = "bench@example.org"


def main() -> None:
    """Run once and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("url")
    parser.add_argument("lake")
    parser.add_argument("--surveys", default="pr", help="codes with commas between, or all")
    parser.add_argument("--per-second", type=float, default=0.0)
    parser.add_argument("--flow", choices=("mirror", "trivial"))
    given = parser.parse_args()
    for module in ("s3fs", "aiobotocore.session", "obstore.auth.boto3"):
        import_module(module)
    patterns = given.surveys.split(",")
    root = open_bls_root(given.url, contact=CONTACT, downloads_per_second=given.per_second)

    def bring(code: str) -> None:
        run(root.survey(code), Lake(given.lake).store)

    def plain() -> None:
        codes = choose(root, Lake(given.lake).store, patterns).codes
        with Workers(SURVEYS_AT_ONCE, "survey") as pool:
            list(pool.map(bring, codes))

    if given.flow == "mirror":
        from flows.mirror import mirror

        polite = {"contact": CONTACT, "downloads_per_second": given.per_second}
        print_time(lambda: mirror(patterns, given.lake, given.url, **polite, tables=False))
    elif given.flow == "trivial":
        from prefect import flow

        print_time(flow(name="trivial")(lambda: None))
    else:
        print_time(plain)


if __name__ == "__main__":
    main()
