"""What Terraform is told of the tables is what the code writes."""

from __future__ import annotations

from pathlib import Path

from blsquest.analytics.parquet_table import document
from blsquest.lake.keys import addresses_key

FOR_TERRAFORM = Path(__file__).resolve().parents[2] / "deployments" / "terraform" / "tables.json"


def test_terraforms_copy_of_the_schema_is_the_codes() -> None:
    assert FOR_TERRAFORM.read_text() == document(), (
        "Make it again: "
        "python -m blsquest.analytics.parquet_table > deployments/terraform/tables.json"
    )


def test_the_folder_that_the_table_reads_is_where_the_lists_of_addresses_are_put() -> None:
    assert '"folder": "tables/athena/"' in document()
    assert addresses_key("bls/pr").startswith("tables/athena/")
