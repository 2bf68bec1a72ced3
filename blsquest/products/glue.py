"""The tables of an AWS Glue database, by which Athena finds a lake's Iceberg tables.

A table there only points to the newest metadata file in the lake, and is set after that file's
commit: it is never a second truth. Two calls a table, one if it is right. The form is Iceberg's:
https://iceberg.apache.org/docs/latest/aws/#glue-catalog
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from blsquest.core.errors import QuestError, Refused
from blsquest.core.text import short
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.s3 import S3Store
from blsquest.lake.stores.s3_errors import S3Error
from blsquest.products.iceberg import Table

TRIES = 5
"""A race is lost to another run's pointer, or to somebody's own change of the table."""

ABSENT = "EntityNotFoundException"
RACED = {"AlreadyExistsException", "ConcurrentModificationException"}

_HIVE = {"long": "bigint", "timestamptz": "timestamp"}
"""Glue's names of types are Hive's; the others have the same name."""


def point(store: Store, database: str, table: Table) -> None:
    """Point Glue's table of the same name to a table's newest metadata file.

    One that points to a later file is left alone: another run was faster. Glue's version of the
    table guards against changes between the read and the write.

    Raises:
        Refused: Glue's table is somebody else's.
        QuestError: Glue refused, or gave no answer.
    """
    name = table.name
    for _ in range(TRIES):
        present = _ask(store, database, name, "get_table", {"Name": name}).get("Table", {})
        given: dict[str, Any] = {"TableInput": _wanted(table, present)}
        method = "create_table"
        if present:
            method, number = "update_table", _number(present, database, table)
            # A higher number counts only if its file exists: lost metadata begins at 1 again.
            if number == table.number or (
                number > table.number and store.size(table.key(number)) is not None
            ):
                return
            # Without SkipArchive Glue keeps each version, up to a quota.
            given |= {"VersionId": present["VersionId"], "SkipArchive": True}
        try:
            _ask(store, database, name, method, given)
        except S3Error as error:
            if error.code not in RACED:
                raise
        else:
            return
    raise QuestError(
        f"Glue's table {database}.{name} was changed by others {TRIES} times meanwhile.",
        "The next run sets it.",
    )


def _ask(
    store: Store, database: str, name: str, method: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Call a Glue operation; return {} if there is no table to get. An error says what it needs."""
    bucket, what = cast("S3Store", store), f"Glue's table {database}.{name}"
    try:
        return bucket.ask_service("glue", method, {"DatabaseName": database, **given}, what)
    except S3Error as error:
        if method == "get_table" and error.code == ABSENT:
            return {}
        if "AccessDenied" in error.code:
            action = method.title().replace("_", "")
            raise QuestError(
                error.what,
                f"Allow glue:{action} on the catalog, the database {database} and its tables, as "
                "deployments/terraform/role_flow.tf does (and in Lake Formation, where that "
                "governs the database).",
            ) from error
        if method == "create_table" and error.code == ABSENT:
            raise QuestError(
                f"There is no Glue database {database}, which GLUE_DATABASE names.",
                "Correct it, or make the database: Terraform does, or aws glue create-database "
                f"--database-input Name={database}",
            ) from error
        raise


def _number(present: Mapping[str, Any], database: str, table: Table) -> int:
    """Return the number of the metadata file that Glue's table points to."""
    held = present.get("Parameters", {})
    at = held.get("metadata_location", "")
    ours = re.escape(f"{table.location}/metadata/v") + r"([1-9][0-9]*)\.metadata\.json"
    found = re.fullmatch(ours, at, re.ASCII)
    if held.get("table_type", "").upper() == "ICEBERG" and found:
        return int(found[1])
    raise Refused(
        f"Glue's table {database}.{table.name} is not this lake's, or was written to: it points to "
        f"{short(at) or 'no Iceberg metadata'}, not into {table.location}.",
        "Nothing was changed there. Name another database in GLUE_DATABASE; or, if that table may "
        f"go, remove it with: aws glue delete-table --database-name {database} --name {table.name} "
        "(Athena's DROP TABLE would delete the files too), and the next run makes it.",
    )


def _wanted(table: Table, present: Mapping[str, Any]) -> dict[str, Any]:
    """Return Glue's description of a table; parameters that others added stay."""
    held = dict(present.get("Parameters", {}))
    if "metadata_location" in held:
        held["previous_metadata_location"] = held["metadata_location"]
    held |= {
        "table_type": "ICEBERG",
        "metadata_location": f"{table.location}/metadata/v{table.number}.metadata.json",
    }
    columns = [
        {
            "Name": column.name,
            "Type": _HIVE.get(column.type, column.type),
            "Comment": column.comment,
            "Parameters": {
                "iceberg.field.id": str(number),
                "iceberg.field.optional": "true",
                "iceberg.field.current": "true",
            },
        }
        for number, column in enumerate(table.columns, 1)
    ]
    return {
        "Name": table.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": held,
        "StorageDescriptor": {"Location": table.location, "Columns": columns},
    }
