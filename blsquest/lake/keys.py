"""The keys of a lake; no other module spells them. Folders end in `/`."""

import re
from datetime import date, datetime

MANIFESTS = "manifests/"
VINTAGES = "vintages/"
QUESTIONS = "analytics/asked/"
ANALYTICS = "analytics/"
TABLES = "tables/"
INDEX = "index.html"
FEED = "feed.xml"
_REPORT = re.compile(
    r"(analytics/(?:surveys/[^/]+/|asked/[^/]+/[0-9a-f]{12}/)?)(?:\d{4}-\d\d-\d\d|as-of/[^/]+)/",
    re.ASCII,
)
_REVISIONS = re.compile(r"analytics/revisions/([^/]+)/(?:(\d{8})-)?(\d{8})/", re.ASCII)
_TABLE = re.compile(r"tables/.+/([0-9a-f]{64})\.parquet", re.ASCII)
_MANIFEST = re.compile(r"(\d{8})\.json", re.ASCII)


def view_folder(source: str, day: datetime | None = None) -> str:
    """Return `bls/pr/`, or the folder of one UTC day, `census/2025-08-15/`."""
    return f"{source}/" if day is None else f"{source}/{day:%Y-%m-%d}/"


def vintage_folder(source: str) -> str:
    """Return `vintages/bls/pr/`: every content that the files of a source ever had."""
    return f"{VINTAGES}{source}/"


def vintage_key(source: str, name: str, sha256: str) -> str:
    """Return `vintages/bls/pr/pr.class/<sha256>`: one content of one file, immutable."""
    return f"{vintage_folder(source)}{name}/{sha256}"


def sha256_of(vintage: str) -> str:
    """Return the hash that a vintage's key names."""
    return vintage.rpartition("/")[2]


def manifest_folder(source: str) -> str:
    """Return `manifests/bls/pr/`: the log of one source."""
    return f"{MANIFESTS}{source}/"


def manifest_key(source: str, generation: int) -> str:
    """Return `manifests/bls/pr/00000042.json`: one generation, immutable."""
    return f"{manifest_folder(source)}{generation:08}.json"


def generation_of(key: str) -> int | None:
    """Return the generation that a manifest's key names; None for another key."""
    match = _MANIFEST.fullmatch(key.rpartition("/")[2])
    return int(match[1]) if match else None


def view_record_key(source: str) -> str:
    """Return `state/bls/pr/view.json`: derived; losing it costs copies, nothing else."""
    return f"state/{source}/view.json"


def notice_key(source: str) -> str:
    """Return `state/bls/pr/notice.json`: derived; the generation of the last notice."""
    return f"state/{source}/notice.json"


def notice_claim_key(source: str, generation: int) -> str:
    """Return `state/bls/pr/notice-00000042.json`: there while a run tells of that generation."""
    return f"state/{source}/notice-{generation:08}.json"


PROOF = "state/put-if-absent"
"""The object by which a run tests the storage's put-if-absent; it stays."""


def report_root(survey: str) -> str:
    """Return `analytics/` for `pr`, which the quest is about; other surveys have a folder."""
    return "analytics/" if survey == "pr" else f"analytics/surveys/{survey}/"


def question_root(survey: str, digest: str) -> str:
    """Return `analytics/asked/pr/<digest>/`: reports on another than the usual question."""
    return f"{QUESTIONS}{survey}/{digest}/"


def day_folder(root: str, day: date) -> str:
    """Return `<root>2025-08-15/`: the report for the state at the end of a UTC day."""
    return f"{root}{day:%Y-%m-%d}/"


def moment_folder(root: str, moment: datetime) -> str:
    """Return `<root>as-of/<moment>/`: the report for any other moment."""
    return f"{root}as-of/{moment:%Y-%m-%dT%H-%M-%S.%fZ}/"


def revisions_folder(survey: str, generation: int, since: int | None = None) -> str:
    """Return `analytics/revisions/pr/00000042/`: the changes since its parent, or since `since`."""
    pair = f"{generation:08}" if since is None else f"{since:08}-{generation:08}"
    return f"analytics/revisions/{survey}/{pair}/"


def root_of(folder: str) -> str | None:
    """Return the root below which a report's folder lies; None for another folder."""
    match = _REPORT.fullmatch(folder)
    return match[1] if match else None


def revisions_of(folder: str) -> tuple[str, int, int | None] | None:
    """Return the survey, generation and `since` of a `revisions_folder`; None for another."""
    match = _REVISIONS.fullmatch(folder)
    return (match[1], int(match[3]), int(match[2]) if match[2] else None) if match else None


def table_folder(source: str) -> str:
    """Return `tables/bls/pr/`: everything about one source's tables."""
    return f"tables/{source}/"


def table_key(source: str, file: str, vintage: str, sha256: str) -> str:
    """Return `tables/bls/pr/pr.data.0.Current/<vintage>/<sha256>.parquet`: immutable."""
    return f"{vintage_table_folder(source, file, vintage)}{sha256}.parquet"


def vintage_table_folder(source: str, file: str, vintage: str) -> str:
    """Return `tables/bls/pr/pr.data.0.Current/<vintage>/`: one vintage as Parquet."""
    return f"{table_folder(source)}{file}/{vintage}/"


def table_sha256(key: str) -> str | None:
    """Return the hash that a table's key names; None for another key."""
    match = _TABLE.fullmatch(key)
    return match[1] if match else None


def replaced_table_keys(source: str) -> tuple[str, str]:
    """Return where releases before 0.2 said which Parquet files are the newest."""
    return f"{table_folder(source)}tables.json", f"tables/athena/{source.replace('/', '-')}"


def series_table_folder(source: str, digest: str) -> str:
    """Return `tables/bls/pr/series/<digest>/`: the catalogue of one state of the code tables."""
    return f"{table_folder(source)}series/{digest}/"


def files_table_folder(source: str, generation: int) -> str:
    """Return `tables/bls/pr/files/00000042/`: all files, up to one generation."""
    return f"{table_folder(source)}files/{generation:08}/"
