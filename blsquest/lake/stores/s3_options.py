"""How to reach an S3 server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach an S3 server; what is None comes from the environment's chain, as for boto3.

    Attributes:
        key: Access key id; give it together with `secret`, and only where no role serves.
        secret: Secret access key.
        token: Session token of temporary credentials.
        profile: A profile of the AWS configuration files.
        region: The bucket's region.
        endpoint: URL of an S3-compatible server (None: `AWS_ENDPOINT_URL`, or AWS itself).
        verify: False, or the path of a CA bundle, for a server with a certificate of its own.
    """

    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    verify: bool | str | None = None

    def server(self, environment: Mapping[str, str]) -> str:
        """Return the server's URL; "" for AWS itself, as far as these and the environment say."""
        named = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        return next(filter(None, (self.endpoint, *map(environment.get, named))), "")


Environment = frozenset[tuple[str, str]]
"""What a process's environment says of AWS."""
