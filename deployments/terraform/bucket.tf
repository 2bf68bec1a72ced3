# The lake. docs/lake.md tells what lies where: vintages/ and manifests/ are for ever, the rest is
# derived from them.

locals {
  bucket_name = coalesce(var.bucket_name, "${var.name}-${local.account}-${var.region}")
  encryption  = var.kms_key_arn == null ? "AES256" : "aws:kms"
  lake_root   = var.lake_prefix == "" ? "" : "${var.lake_prefix}/"

  immutable = ["vintages", "manifests"]
  public    = ["bls", "census", "analytics"]
  derived   = concat(local.public, ["state", "tables"])
  # The front page and the feed: two keys, no folders.
  pages = ["index.html", "feed.xml"]
}

resource "aws_s3_bucket" "lake" {
  #checkov:skip=CKV_AWS_18:Access logs of public data cost more than they tell; CloudTrail data events are the account's choice.
  #checkov:skip=CKV_AWS_144:Any copy of the mirror can be made again or copied by its manifests; a second region is the account's choice.
  #checkov:skip=CKV_AWS_145:The data are public; a key of KMS, which would shut out public readers, is the account's choice (kms_key_arn).
  #checkov:skip=CKV2_AWS_6:There is one (bucket_policy.tf); it opens only when public_read asks for it.
  #checkov:skip=CKV2_AWS_62:Prefect's events tell what changed, and when it is whole; S3's would tell of single files.
  bucket        = local.bucket_name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "lake" {
  bucket = aws_s3_bucket.lake.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = local.encryption
      kms_master_key_id = var.kms_key_arn
    }
    # One request to KMS for many objects.
    bucket_key_enabled = var.kms_key_arn != null
  }
}

resource "aws_s3_bucket_object_lock_configuration" "lake" {
  count      = var.object_lock_days == null ? 0 : 1
  depends_on = [aws_s3_bucket_versioning.lake]

  bucket = aws_s3_bucket.lake.id

  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = var.object_lock_days
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  #checkov:skip=CKV_AWS_300:The first rule does; checkov loses it beside a dynamic one (tests/shape.tftest.hcl asserts it).
  depends_on = [aws_s3_bucket_versioning.lake]

  bucket = aws_s3_bucket.lake.id

  # Of a run that was killed in the middle of an upload. Touches no object.
  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # What was replaced or removed in the derived folders stays a month. No rule names vintages/ or
  # manifests/.
  dynamic "rule" {
    for_each = merge({ for folder in local.derived : folder => "${folder}/" }, { for key in local.pages : key => key })

    content {
      id     = "expire-old-versions-of-${rule.key}"
      status = "Enabled"

      filter {
        prefix = "${local.lake_root}${rule.value}"
      }

      noncurrent_version_expiration {
        noncurrent_days = 30
      }

      expiration {
        expired_object_delete_marker = true
      }
    }
  }
}
