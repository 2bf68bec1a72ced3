# The role under which ECS starts a task: fetches the image and the secret, opens the log stream.

resource "aws_iam_role" "execution" {
  name        = "${var.name}-execution"
  description = "BLS Data Quest: what ECS needs to start a task"
  # ECS's agent assumes it, and promises no aws:SourceArn, as it does for task roles.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "execution" {
  name = "start"
  role = aws_iam_role.execution.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.reading_of_the_credential, [
      {
        Sid      = "LogInToRegistry"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*" # this action knows no resources
      },
      {
        Sid      = "FetchTheImage"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = aws_ecr_repository.image.arn
      },
      {
        Sid    = "WriteLogs"
        Effect = "Allow"
        Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = [
          "${aws_cloudwatch_log_group.flows.arn}:log-stream:*",
          "${aws_cloudwatch_log_group.worker.arn}:log-stream:*",
        ]
      },
    ])
  })
}

locals {
  reading_of_the_credential = [for secret in aws_secretsmanager_secret.prefect_api : {
    Sid      = "ReadThePrefectCredential"
    Effect   = "Allow"
    Action   = "secretsmanager:GetSecretValue"
    Resource = secret.arn
  }]
}
