"""What is made from a lake: reports, revisions, tables, pages. No Prefect."""
