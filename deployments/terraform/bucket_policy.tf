# Who may do what in the bucket, whatever their own policies say.

resource "aws_s3_bucket_public_access_block" "lake" {
  #checkov:skip=CKV_AWS_54:Open only when public_read asks for it.
  #checkov:skip=CKV_AWS_56:Open only when public_read asks for it.
  bucket                  = aws_s3_bucket.lake.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = !var.public_read
  restrict_public_buckets = !var.public_read
}

resource "aws_s3_bucket_policy" "lake" {
  #checkov:skip=CKV_AWS_70:Public reading of the view and the reports is an explicit option; the other statements deny.
  depends_on = [aws_s3_bucket_public_access_block.lake]

  bucket = aws_s3_bucket.lake.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.bucket_denials, var.public_read ? [local.public_reading] : [])
  })
}

locals {
  in_bucket = {
    for folder in concat(local.immutable, local.derived) :
    folder => "${aws_s3_bucket.lake.arn}/${local.lake_root}${folder}/*"
  }
  pages_in_bucket = [for key in local.pages : "${aws_s3_bucket.lake.arn}/${local.lake_root}${key}"]

  bucket_denials = [
    {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.lake.arn, "${aws_s3_bucket.lake.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    },
    {
      # No identity can put over what is there, not even an administrator by mistake. Parts of an
      # upload cannot carry the condition; what puts them together must (S3 User Guide, "Enforce
      # conditional writes").
      Sid       = "VintagesAndManifestsAreOnlyCreated"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = [for folder in local.immutable : local.in_bucket[folder]]
      Condition = {
        Null = { "s3:if-none-match" = "true" }
        Bool = { "s3:ObjectCreationOperation" = "true" }
      }
    },
    {
      Sid       = "VintagesAndManifestsAreNeverDeleted"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource  = [for folder in local.immutable : local.in_bucket[folder]]
    },
  ]

  public_reading = {
    Sid       = "AnybodyReadsTheViewAndTheReports"
    Effect    = "Allow"
    Principal = "*"
    Action    = "s3:GetObject"
    Resource  = concat([for folder in local.public : local.in_bucket[folder]], local.pages_in_bucket)
  }
}
