# The database in which Athena finds the lake's tables. Runs make and set the tables in it, each a
# pointer to an Iceberg table's newest metadata file in the lake: Terraform knows none of them.

resource "aws_glue_catalog_database" "lake" {
  name         = replace(var.name, "-", "_")
  description  = "BLS Data Quest: BLS time series, every vintage"
  location_uri = "s3://${aws_s3_bucket.lake.bucket}/${local.lake_root}"
}

locals {
  glue       = "arn:${local.partition}:glue:${var.region}:${local.account}"
  glue_names = [for kind in ["catalog", "database/${aws_glue_catalog_database.lake.name}", "table/${aws_glue_catalog_database.lake.name}/*"] : "${local.glue}:${kind}"]
}
