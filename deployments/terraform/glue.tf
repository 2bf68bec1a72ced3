# A name in the catalogue for tables over the reports' Parquet files. None is made here.

resource "aws_glue_catalog_database" "lake" {
  name         = replace(var.name, "-", "_")
  description  = "BLS Data Quest: answers over BLS time series and the US population"
  location_uri = "s3://${aws_s3_bucket.lake.bucket}/${local.lake_root}analytics/"
}
