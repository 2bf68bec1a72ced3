# The catalogue: a table over the Parquet tables of all mirrored data files, for Athena.
#
# The folder that it reads holds one small object a survey, which lists the addresses of that
# survey's newest tables. A mirror run replaces it whole and alters no table: a query sees one state
# of each survey, and never a file that is being written.

locals {
  # What blsquest.analytics.parquet_table says; a test compares the two.
  observations = jsondecode(file("${path.module}/tables.json"))
}

resource "aws_glue_catalog_database" "lake" {
  name         = replace(var.name, "-", "_")
  description  = "BLS Data Quest: BLS time series and the US population"
  location_uri = "s3://${aws_s3_bucket.lake.bucket}/${local.lake_root}"
}

resource "aws_glue_catalog_table" "observations" {
  database_name = aws_glue_catalog_database.lake.name
  name          = local.observations.name
  description   = local.observations.comment
  table_type    = "EXTERNAL_TABLE"
  parameters    = { EXTERNAL = "TRUE", classification = "parquet" }

  storage_descriptor {
    location      = "s3://${aws_s3_bucket.lake.bucket}/${local.lake_root}${local.observations.folder}"
    input_format  = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = local.observations.columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}
