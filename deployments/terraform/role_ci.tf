# The role of GitHub Actions on the main branch: it pushes images, has the worker run them, reads what
# the registry's scan found in them, and cannot do anything else here. The deployments
# (`python -m deployments apply`) it asks of Prefect, not of AWS.

locals {
  github        = "token.actions.githubusercontent.com"
  with_ci       = var.github_repository != null
  oidc_provider = var.github_oidc_provider_arn != null ? var.github_oidc_provider_arn : one(aws_iam_openid_connect_provider.github[*].arn)

  # What GitHub vouches for, exactly: owner/name, and for repositories made or renamed since
  # 2026-07-15 owner@id/name@id. Which form a repository has is GitHub's choice; ours is one of each.
  github_names = !local.with_ci ? [] : concat(
    [var.github_repository],
    var.github_owner_id == null ? [] : [
      join("/", [
        "${split("/", var.github_repository)[0]}@${var.github_owner_id}",
        "${split("/", var.github_repository)[1]}@${coalesce(var.github_repository_id, "?")}",
      ])
    ]
  )

  worker_family = "${local.ecs}:task-definition/${var.name}-worker"
}

resource "aws_iam_openid_connect_provider" "github" {
  count = local.with_ci && var.github_oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "ci" {
  count = local.with_ci ? 1 : 0

  name        = "${var.name}-ci"
  description = "BLS Data Quest: what GitHub Actions may do on main"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.oidc_provider }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.github}:aud" = "sts.amazonaws.com"
          "${local.github}:sub" = [for name in local.github_names : "repo:${name}:ref:refs/heads/main"]
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "ci" {
  count = local.with_ci ? 1 : 0

  name = "deploy"
  role = aws_iam_role.ci[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "LogInToRegistry"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*" # this action knows no resources
      },
      {
        Sid    = "PushTheImage"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload",
          "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload",
          "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = aws_ecr_repository.image.arn
      },
      {
        Sid      = "ReadWhatTheScanFound"
        Effect   = "Allow"
        Action   = ["ecr:DescribeImageScanFindings", "ecr:StartImageScan"]
        Resource = aws_ecr_repository.image.arn
      },
      {
        Sid      = "ReadTaskDefinitions"
        Effect   = "Allow"
        Action   = "ecs:DescribeTaskDefinition"
        Resource = "*" # this action knows no resources
      },
      {
        Sid      = "RegisterTheWorker"
        Effect   = "Allow"
        Action   = "ecs:RegisterTaskDefinition"
        Resource = "${local.worker_family}:*"
      },
      {
        Sid      = "SeeTheWorker"
        Effect   = "Allow"
        Action   = "ecs:DescribeServices"
        Resource = aws_ecs_service.worker.id
      },
      {
        # To a revision of the worker's own family, and to nothing else.
        Sid       = "BringTheWorkerToAnImage"
        Effect    = "Allow"
        Action    = "ecs:UpdateService"
        Resource  = aws_ecs_service.worker.id
        Condition = { ArnLike = { "ecs:task-definition" = "${local.worker_family}:*" } }
      },
      {
        Sid       = "HandOverTheWorkersRoles"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = [aws_iam_role.worker.arn, aws_iam_role.execution.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  })
}
