"""DuckDB with what reads Iceberg tables, as its users have it after `INSTALL iceberg`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb

from tests.support.s3_servers import S3Server

EXTENSIONS = ("httpfs", "avro", "iceberg")


def iceberg_reader(server: S3Server | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection that reads Iceberg tables, also from an S3 server."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in EXTENSIONS:
        package = find_spec(f"duckdb_extension_{name}")
        assert package, f"duckdb-extension-{name} is not installed"
        assert package.origin
        (extension,) = Path(package.origin).parent.rglob("*.duckdb_extension")
        connection.execute(f"LOAD '{extension}'")
    if server:
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{server.key}', SECRET '{server.secret}', "
            f"ENDPOINT '{server.endpoint.partition('//')[2]}', URL_STYLE 'path', USE_SSL false, "
            "REGION 'us-east-1')"
        )
    return connection


def ask(
    sql: str, table: str, clause: str = "", server: S3Server | None = None
) -> list[tuple[Any, ...]]:
    """Return what DuckDB answers; `$table` stands for the Iceberg table at that place."""
    scan = f"iceberg_scan('{table}'{clause and ', '}{clause})"
    with iceberg_reader(server) as connection:
        return connection.execute(sql.replace("$table", scan)).fetchall()
