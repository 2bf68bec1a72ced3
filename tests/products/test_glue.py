"""The tables of a Glue database, which Athena reads: they point to the lake's newest metadata.

Moto stands for Glue. It takes no notice of `VersionId`, so here AWS's rule for it is put in front.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from moto.core.exceptions import JsonRESTError
from moto.glue.responses import GlueResponse
from pyiceberg.catalog.glue import GlueCatalog

from blsquest.lake.log import ManifestLog
from blsquest.lake.record import made_for, read_record
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.products.tables import make_tables, tables_current, tables_of
from blsquest.sources.sample.server import SampleServer
from tests.infra.aws import Aws
from tests.support.commands import Commands
from tests.support.lakes import PR, Killed, When, contents, mirror, watched
from tests.support.s3_servers import S3Server

NAMES = ("pr", "pr_series", "pr_files")


@pytest.fixture(autouse=True)
def _versions_count(monkeypatch: pytest.MonkeyPatch) -> None:
    update = GlueResponse.update_table

    def guarded(self: GlueResponse) -> Any:
        given = self.parameters
        table = self.glue_backend.get_table(given["DatabaseName"], given["TableInput"]["Name"])
        if given.get("VersionId") != table.as_dict()["VersionId"]:
            raise JsonRESTError("ConcurrentModificationException", "Update table failed.")
        return update(self)

    monkeypatch.setattr(GlueResponse, "update_table", guarded)


@pytest.fixture
def aws(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """AWS as this process's environment has it, with a Glue database that flows know of."""
    for name, value in moto_s3.environment.items():
        monkeypatch.setenv(name, value)
    return Aws(moto_s3.endpoint)


@pytest.fixture
def glue(aws: Aws, lake: S3Store, monkeypatch: pytest.MonkeyPatch) -> "Glue":
    return Glue(aws, lake, monkeypatch)


@pytest.fixture
def lake(aws: Aws, moto_s3: S3Server, server: SampleServer) -> S3Store:
    """A lake with one generation of `pr`, and no tables yet."""
    lake = S3Store(moto_s3.fresh_bucket(), "some/lake")
    mirror(server, lake)
    return lake


class Glue:
    """A database of its own, which the environment names."""

    def __init__(self, aws: Aws, lake: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = lake.url.split("/")[2].replace("-", "_")
        self.client = aws.client("glue")
        self.client.create_database(DatabaseInput={"Name": self.database})
        monkeypatch.setenv("GLUE_DATABASE", self.database)

    def table(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get_table(DatabaseName=self.database, Name=name)
        return dict(found["Table"])

    def pointer(self, name: str = "pr") -> str:
        return str(self.table(name)["Parameters"]["metadata_location"])

    def drop(self, name: str) -> None:
        self.client.delete_table(DatabaseName=self.database, Name=name)


def newest(lake: Store) -> dict[str, str]:
    """The address of each table's newest metadata file."""
    read = [table.read(lake.list("tables/bls/pr/")) for table in tables_of(lake, PR)]
    return {table.name: f"{lake.url}/{table.key(table.number)}" for table in read}


def pointers(glue: Glue) -> dict[str, str]:
    return {name: glue.pointer(name) for name in NAMES}


def is_current(lake: Store) -> bool:
    """Whether a run that finds the source unchanged leaves the tables alone."""
    made = made_for(lake, ManifestLog(lake, PR).newest(), read_record(lake, PR), "tables")
    return tables_current(lake, made)


def publish(server: SampleServer, lake: Store, release: int) -> None:
    server.publish(release)
    mirror(server, lake)


# -- What Athena reads -------------------------------------------------------------------------


def test_after_a_commit_each_table_points_to_the_newest_metadata_file(
    server: SampleServer, lake: S3Store, glue: Glue
) -> None:
    made = make_tables(lake, PR)
    first, held = pointers(glue), glue.table("pr")
    assert first == newest(lake)
    glue.client.update_table(
        DatabaseName=glue.database,
        VersionId=held["VersionId"],
        TableInput={"Name": "pr", "Parameters": held["Parameters"] | {"team": "labor"}},
    )
    glue.drop("pr_series")
    publish(server, lake, 2)

    again = make_tables(lake, PR)

    assert made.unpointed == again.unpointed == ()
    assert pointers(glue) == newest(lake)
    assert glue.table("pr")["Parameters"] == {
        "table_type": "ICEBERG",
        "metadata_location": newest(lake)["pr"],
        "previous_metadata_location": first["pr"],
        "team": "labor",  # what others added stays
    }
    assert is_current(lake)


def test_a_table_has_the_columns_in_hives_words(lake: S3Store, glue: Glue) -> None:
    make_tables(lake, PR)

    assert glue.table("pr")["TableType"] == "EXTERNAL_TABLE"
    about = glue.table("pr_files")["StorageDescriptor"]
    types = {column["Name"]: column["Type"] for column in about["Columns"]}
    assert about["Location"] == f"{lake.url}/tables/bls/pr/files"
    wanted = {"bytes": "bigint", "committed": "timestamp", "file": "string", "generation": "int"}
    assert wanted.items() <= types.items()
    columns = [c for name in NAMES for c in glue.table(name)["StorageDescriptor"]["Columns"]]
    assert max(len(c["Comment"]) for c in columns) <= 255  # Glue's limit, which moto does not know


def test_a_reader_finds_the_tables_by_the_catalog_and_reads_each_generation(
    server: SampleServer, lake: S3Store, glue: Glue, aws: Aws
) -> None:
    make_tables(lake, PR)
    published = [data_rows(lake)]
    publish(server, lake, 2)
    make_tables(lake, PR)
    published.append(data_rows(lake))

    io = {"py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO", "s3.endpoint": aws.endpoint}
    catalog = GlueCatalog("aws", client=glue.client, **io)
    table = catalog.load_table((glue.database, "pr"))
    files = catalog.load_table((glue.database, "pr_files"))

    read = [table.scan(snapshot_id=number).to_arrow() for number in (1, 2)]
    assert [len(rows) for rows in read] == published
    assert not read[0].equals(read[1])
    assert set(files.scan().to_arrow()["generation"].to_pylist()) == {1, 2}


def data_rows(lake: Store) -> int:
    view = contents(lake, "bls/pr/").items()
    return sum(body.count(b"\n") - 1 for key, body in view if key.startswith("bls/pr/pr.data."))


def test_a_directory_has_no_tables_in_glue(
    server: SampleServer, glue: Glue, lake: S3Store, tmp_path: Path
) -> None:
    local = DirectoryStore(tmp_path / "lake")
    mirror(server, local)

    assert make_tables(local, PR).unpointed == ()

    assert glue.client.get_tables(DatabaseName=glue.database)["TableList"] == []
    assert is_current(local)


# -- Two runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("passed_by", ["before it looks", "before it writes"])
def test_a_run_that_another_passed_by_leaves_the_newer_pointer(
    server: SampleServer, lake: S3Store, glue: Glue, passed_by: str
) -> None:
    make_tables(lake, PR)
    publish(server, lake, 2)
    when: When = "before" if passed_by == "before it looks" else "after"
    asked: list[str] = []

    def overtake(moment: When, verb: str, _key: str) -> None:
        if (moment, verb) == (when, "ask_service") and not asked:
            asked.append(verb)
            publish(server, lake, 1)
            make_tables(lake, PR)

    older = make_tables(watched(lake, overtake), PR)

    assert (asked, older.unpointed) == (["ask_service"], ())
    assert glue.pointer().endswith("/v3.metadata.json")
    assert pointers(glue) == newest(lake)


def test_two_runs_that_both_find_no_table_leave_one(lake: S3Store, glue: Glue) -> None:
    asked: list[str] = []

    def overtake(moment: When, verb: str, _key: str) -> None:
        if (moment, verb) == ("after", "ask_service") and not asked:
            asked.append(verb)
            make_tables(lake, PR)

    assert make_tables(watched(lake, overtake), PR).unpointed == ()
    assert pointers(glue) == newest(lake)


def test_a_run_that_is_killed_before_glue_is_set_leaves_that_to_the_next_one(
    lake: S3Store, glue: Glue
) -> None:
    def kill(moment: When, verb: str, _key: str) -> None:
        if (moment, verb) == ("before", "ask_service"):
            raise Killed

    with pytest.raises(Killed):
        make_tables(watched(lake, kill), PR)

    assert newest(lake)["pr"].endswith("/v1.metadata.json")
    assert not is_current(lake)
    make_tables(lake, PR)
    assert pointers(glue) == newest(lake)


def test_metadata_that_was_lost_and_begins_again_is_pointed_to(
    server: SampleServer, lake: S3Store, glue: Glue
) -> None:
    make_tables(lake, PR)
    publish(server, lake, 2)
    make_tables(lake, PR)
    assert glue.pointer().endswith("/v2.metadata.json")
    for key in contents(lake, "tables/"):
        lake.delete(key)

    make_tables(lake, PR)

    assert glue.pointer().endswith("/v1.metadata.json")
    assert pointers(glue) == newest(lake)


# -- What goes wrong ---------------------------------------------------------------------------

FOREIGN: dict[str, dict[str, str]] = {
    "a Hive table": {"classification": "parquet"},
    "a table of another lake": {
        "table_type": "ICEBERG",
        "metadata_location": "s3://elsewhere/tables/bls/pr/observations/metadata/v7.metadata.json",
    },
    "a table that Athena wrote to": {
        "table_type": "ICEBERG",
        "metadata_location": "{lake}/tables/bls/pr/observations/metadata/00002-0a.metadata.json",
    },
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_table_of_somebody_else_is_refused_by_name_and_the_others_are_set(
    lake: S3Store, glue: Glue, what: str
) -> None:
    held = {name: text.format(lake=lake.url) for name, text in FOREIGN[what].items()}
    glue.client.create_table(
        DatabaseName=glue.database, TableInput={"Name": "pr", "Parameters": held}
    )

    (note,) = make_tables(lake, PR).unpointed

    assert f"Glue's table {glue.database}.pr is not this lake's" in note
    assert f"delete-table --database-name {glue.database} --name pr" in note
    assert glue.table("pr")["Parameters"] == held
    assert glue.pointer("pr_files") == newest(lake)["pr_files"]
    assert not is_current(lake)
    glue.drop("pr")
    assert make_tables(lake, PR).unpointed == ()
    assert pointers(glue) == newest(lake)
    assert is_current(lake)


def allowed(aws: Aws, lake: S3Store, *actions: str) -> dict[str, str]:
    """The credentials of a user who may do what the lake needs, and this besides."""
    iam, user = aws.client("iam"), lake.url.split("/")[2]
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:*", *actions], "Resource": "*"}],
    }
    if not any(u["UserName"] == user for u in iam.list_users()["Users"]):
        iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def test_without_permission_the_action_is_named_and_the_next_unchanged_run_tries_again(
    server: SampleServer,
    lake: S3Store,
    glue: Glue,
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_tables(lake, PR)
    before = pointers(glue)
    publish(server, lake, 2)
    reader = allowed(aws, lake, "glue:GetTable")
    for name, value in reader.items():
        monkeypatch.setenv(name, value)
    bucket, _, prefix = lake.url.removeprefix("s3://").partition("/")

    with aws.enforcing():
        (note,) = make_tables(S3Store(bucket, prefix), PR).unpointed

    assert f"Glue's table {glue.database}.pr: access was denied" in note
    assert "Allow glue:UpdateTable on the catalog" in note
    assert pointers(glue) == before
    assert newest(lake)["pr"].endswith("/v2.metadata.json")
    assert not is_current(lake)

    allowed(aws, lake, "glue:GetTable", "glue:UpdateTable")
    with aws.enforcing():
        assert make_tables(S3Store(bucket, prefix), PR).unpointed == ()
    assert pointers(glue) == newest(lake)
    assert is_current(lake)


def test_a_glue_that_can_t_be_reached_is_asked_once(
    lake: S3Store, glue: Glue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", "http://me:hush@127.0.0.1:1")
    bucket, _, prefix = lake.url.removeprefix("s3://").partition("/")

    (note,) = make_tables(S3Store(bucket, prefix), PR).unpointed

    assert f"Glue's table {glue.database}.pr: no answer from http://127.0.0.1:1" in note
    assert "hush" not in note
    assert not is_current(lake)


# -- Runs without the setting ------------------------------------------------------------------


def test_a_run_without_the_database_or_with_another_leaves_it_to_the_next_one_that_has_it(
    server: SampleServer, lake: S3Store, glue: Glue, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tables(lake, PR)
    monkeypatch.delenv("GLUE_DATABASE")
    make_tables(lake, PR)  # commits nothing: Glue is still right
    monkeypatch.setenv("GLUE_DATABASE", glue.database)
    assert is_current(lake)

    monkeypatch.delenv("GLUE_DATABASE")
    make_tables(lake, PR, anew=[1])
    assert is_current(lake)
    monkeypatch.setenv("GLUE_DATABASE", glue.database)

    assert not is_current(lake)
    make_tables(lake, PR)
    assert pointers(glue) == newest(lake)
    assert is_current(lake)

    other = f"{glue.database}_2"
    glue.client.create_database(DatabaseInput={"Name": other})
    monkeypatch.setenv("GLUE_DATABASE", other)
    assert not is_current(lake)
    make_tables(lake, PR)
    tables = glue.client.get_tables(DatabaseName=other)["TableList"]
    assert sorted(table["Name"] for table in tables) == sorted(NAMES)
    assert is_current(lake)


def test_the_command_warns_beside_its_answer(
    lake: S3Store, glue: Glue, command: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLUE_DATABASE", "nowhere")

    ended = command("tables", "--lake", lake.url)

    assert ended.code == 0
    assert "the tables have generation 1" in ended.out
    assert ended.err.startswith("Warning: There is no Glue database nowhere, which GLUE_DATABASE")
    assert not is_current(lake)
