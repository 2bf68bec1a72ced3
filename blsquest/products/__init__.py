"""The products of a lake: reports, revisions, tables, pages. No Prefect."""
