"""One mirror run over one or more surveys in a process of its own, so that its memory is its own.

    python -m benchmarks.worker BLS_URL LAKE [--surveys all]

It is what the flow `mirror` does, without Prefect.
"""

import argparse
import json
import time
from importlib import import_module

from blocks.publishers import open_bls_root
from blsquest import Lake
from blsquest.core.stop import Workers
from blsquest.lake.run import run
from blsquest.products.surveys import choose
from blsquest.sources.http import SURVEYS_AT_ONCE

parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
parser.add_argument("url")
parser.add_argument("lake")
parser.add_argument("--surveys", default="pr", help="codes with commas between, or all")
given = parser.parse_args()
for module in ("s3fs", "aiobotocore.session", "obstore.auth.boto3"):
    import_module(module)
root = open_bls_root(given.url, contact="bench@example.org", downloads_per_second=0.0)

began, cpu = time.perf_counter(), time.process_time()
codes = choose(root, Lake(given.lake).store, given.surveys.split(",")).codes
with Workers(SURVEYS_AT_ONCE, "survey") as pool:
    list(pool.map(lambda code: run(root.survey(code), Lake(given.lake).store), codes))
took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
print(json.dumps(took))  # noqa: T201 - what its starter reads
