"""A peer: the script that the quest's usual answers are, requests + boto3, all files each time.

    python -m benchmarks.script BLS_URL BUCKET [THREADS]

Downloads everything, compares MD5 with the object's ETag, uploads what differs, deletes what is
gone. Prints its seconds beyond the imports.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import boto3
import requests
from botocore.config import Config


def main() -> None:
    """Sync once."""
    url, bucket, threads = sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["1"])[0])
    started, cpu = time.perf_counter(), time.process_time()
    session = requests.Session()
    session.headers["User-Agent"] = "script (bench@example.org)"
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=threads)
    session.mount("http://", adapter)
    s3 = boto3.client("s3", config=Config(max_pool_connections=threads))

    def links(folder: str) -> list[str]:
        found = re.findall(r'<A HREF="([^"]+)">', session.get(folder, timeout=60).text)
        return [urljoin(folder, link) for link in found[1:]]  # the first is the parent

    held = {
        each["Key"]: each["ETag"].strip('"')
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for each in page.get("Contents", ())
    }

    def sync(file: str) -> str:
        key = file.removeprefix(url)
        reply = session.get(file, timeout=600)
        reply.raise_for_status()
        digest = hashlib.md5(reply.content, usedforsecurity=False).hexdigest()
        if held.get(key) != digest:
            s3.put_object(Bucket=bucket, Key=key, Body=reply.content)
        return key

    with ThreadPoolExecutor(threads) as pool:
        files = [file for folder in pool.map(links, links(url)) for file in folder]
        kept = set(pool.map(sync, files))
    for key in held.keys() - kept:
        s3.delete_object(Bucket=bucket, Key=key)
    told = {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
    }
    print(json.dumps(told))  # noqa: T201 - what its starter reads


if __name__ == "__main__":
    main()
