"""A peer: the script of the quest's usual answers, requests + boto3, all files each time.

    python -m benchmarks.script BLS_URL BUCKET [THREADS]

Downloads everything, compares MD5 with the object's ETag, uploads what differs.
"""

from __future__ import annotations

import hashlib
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import boto3
import requests
from botocore.config import Config

from benchmarks.timed import print_time


def sync(url: str, bucket: str, threads: int) -> None:
    """Sync once."""
    session = requests.Session()
    session.headers["User-Agent"] = "script (bench@example.org)"
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=threads))
    s3 = boto3.client("s3", config=Config(max_pool_connections=threads))

    def links(folder: str) -> list[str]:
        found = re.findall(r'<A HREF="([^"]+)">', session.get(folder, timeout=60).text)
        return [urljoin(folder, link) for link in found[1:]]  # the first is the parent

    held = {
        each["Key"]: each["ETag"].strip('"')
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for each in page.get("Contents", ())
    }

    def upload(file: str) -> None:
        key = file.removeprefix(url)
        reply = session.get(file, timeout=600)
        reply.raise_for_status()
        digest = hashlib.md5(reply.content, usedforsecurity=False).hexdigest()
        if held.get(key) != digest:
            s3.put_object(Bucket=bucket, Key=key, Body=reply.content)

    with ThreadPoolExecutor(threads) as pool:
        files = [file for folder in pool.map(links, links(url)) for file in folder]
        list(pool.map(upload, files))


if __name__ == "__main__":
    print_time(lambda: sync(sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["1"])[0])))
