# The role that flows work under: the lake, and the tables by which Athena finds it.

locals {
  # Only ECS, and only for tasks of this account, may hand out the roles that tasks work under.
  trust_of_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:ecs:${var.region}:${local.account}:*" }
      }
    }]
  })

  # To write, and to read; to put an upload's parts together takes both. Only by way of S3.
  use_of_the_key = [for key in var.kms_key_arn[*] : {
    Sid       = "UseTheKey"
    Effect    = "Allow"
    Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
    Resource  = key
    Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
  }]
}

resource "aws_iam_role" "flow" {
  name               = "${var.name}-flow"
  description        = "BLS Data Quest: what flow runs may do"
  assume_role_policy = local.trust_of_tasks
}

resource "aws_iam_role_policy" "flow" {
  name = "lake"
  role = aws_iam_role.flow.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.use_of_the_key, [
      {
        Sid      = "List"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = aws_s3_bucket.lake.arn
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = concat(values(local.in_bucket), local.pages_in_bucket)
      },
      {
        Sid      = "Derive"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        Resource = concat([for folder in local.derived : local.in_bucket[folder]], local.pages_in_bucket)
      },
      {
        # Without s3:DeleteObject. That a PutObject only creates is the bucket's own rule.
        Sid      = "Create"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = [for folder in local.immutable : local.in_bucket[folder]]
      },
      {
        # Glue asks for the right on the catalog, on the database and on the table.
        Sid      = "Point"
        Effect   = "Allow"
        Action   = ["glue:GetTable", "glue:CreateTable", "glue:UpdateTable"]
        Resource = local.glue_names
      },
    ])
  })
}
