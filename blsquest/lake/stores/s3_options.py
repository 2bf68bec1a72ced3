"""How to reach an S3 server, and how it encrypts objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from blsquest.core.errors import Misuse
from blsquest.core.settings import is_server, one_line

ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach an S3 server; what is None comes from the environment's chain, as for boto3.

    Attributes:
        key: Access key id; give it together with `secret`, and only where no role serves.
        token: Session token of temporary credentials.
        endpoint: URL of an S3-compatible server (None: `AWS_ENDPOINT_URL`, or AWS itself).
        verify: False, or the path of a CA bundle, for a server with a certificate of its own.
        encryption: What each write asks for, one of `ENCRYPTIONS` (None: `LAKE_ENCRYPTION`, or
            nothing, which leaves it to the bucket).
        kms_key: Id or ARN of the KMS key (None: `LAKE_KMS_KEY`, or AWS's own for S3).
    """

    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    verify: bool | str | None = None
    encryption: str | None = None
    kms_key: str | None = None

    @property
    def encrypted(self) -> dict[str, str]:
        """S3's parameters for the encryption of a new object."""
        asked = {"ServerSideEncryption": self.encryption, "SSEKMSKeyId": self.kms_key}
        return {name: value for name, value in asked.items() if value}

    def server(self, environment: Mapping[str, str]) -> str:
        """Return the server's URL; "" for AWS itself, as far as these and the environment say."""
        named = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        return next(filter(None, (self.endpoint, *map(environment.get, named))), "")


Environment = frozenset[tuple[str, str]]
"""What a process's environment says of AWS."""

CA_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Where AWS's tools, and then most other clients, look for a CA bundle."""


def resolved(options: S3Options, environment: Mapping[str, str]) -> tuple[S3Options, Environment]:
    """Return the options completed from the environment, and its variables for AWS.

    An invalid setting is Misuse: it is named, and its value not shown.
    """
    variables = {
        name: environment[name]
        for name in environment
        if name.startswith("AWS_") or name in CA_BUNDLES
    }
    lake = {name: environment.get(name) or None for name in ("LAKE_ENCRYPTION", "LAKE_KMS_KEY")}
    given = {f"The lake's {each.name}": getattr(options, each.name) for each in fields(options)}
    for name, value in {**given, **lake, **variables}.items():
        if isinstance(value, str):
            one_line(name, value)
    for name in CA_BUNDLES:
        if options.verify is None and variables.get(name) and not Path(variables[name]).exists():
            raise Misuse(
                f"{name} names no file: {variables[name]}.",
                "Correct it, or unset it for the usual CAs.",
            )
    if (server := options.server(variables)) and not is_server(server):
        raise Misuse(
            "The S3 server's URL makes no sense (AWS_ENDPOINT_URL, or the block's endpoint).",
            "Write one like https://host:port.",
        )
    encryption = options.encryption or lake["LAKE_ENCRYPTION"]
    key = options.kms_key or lake["LAKE_KMS_KEY"]
    check_encryption(encryption, key)
    return replace(options, encryption=encryption, kms_key=key), frozenset(variables.items())


def check_encryption(encryption: str | None, key: str | None) -> None:
    """Refuse an encryption that S3 does not have, and a key for one that takes none."""
    if encryption not in {None, *ENCRYPTIONS}:
        raise Misuse(
            f"S3 has no encryption {encryption!r} (LAKE_ENCRYPTION).",
            f"Write one of {', '.join(ENCRYPTIONS)}.",
        )
    if key and not (encryption or "").startswith("aws:kms"):
        raise Misuse(
            "A KMS key (LAKE_KMS_KEY) has no meaning without LAKE_ENCRYPTION=aws:kms.",
            "Set both, or neither.",
        )
