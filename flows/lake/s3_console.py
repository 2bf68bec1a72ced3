"""Where a person sees an object of a bucket: AWS's console."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_AWS = re.compile(r"s3[a-z0-9.-]*\.amazonaws\.com")
"""The hosts of S3 in AWS's main partition; any other server, and any other partition, has its own
console, or none."""


def console_url(endpoint: str, region: str | None, bucket: str, key: str) -> str | None:
    """The object's page in the console, safe inside any text; None where the server is not AWS's.

    Args:
        endpoint: The URL that requests go to.
        region: The bucket's; None lets the console find it.
        bucket: Its name.
        key: The object's whole key.
    """
    if not _AWS.fullmatch(urlsplit(endpoint).hostname or ""):
        return None
    where = f"region={quote(region, safe='')}&" if region else ""
    return f"https://console.aws.amazon.com/s3/object/{bucket}?{where}prefix={quote(key, safe='')}"
