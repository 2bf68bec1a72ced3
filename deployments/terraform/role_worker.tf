# The role of the Prefect worker: it starts, watches and stops flow runs, and touches no data.
# What it calls is prefect-aws's ECS worker and its observer (release 0.7).

resource "aws_iam_role" "worker" {
  name               = "${var.name}-worker"
  description        = "BLS Data Quest: what the Prefect worker may do"
  assume_role_policy = local.trust_of_tasks
}

locals {
  ecs         = "arn:${local.partition}:ecs:${var.region}:${local.account}"
  tasks       = "${local.ecs}:task/${aws_ecs_cluster.this.name}/*"
  definitions = "${local.ecs}:task-definition/${local.flow_families}"
  in_cluster  = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
}

resource "aws_iam_role_policy" "worker" {
  name = "runs"
  role = aws_iam_role.worker.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadTaskDefinitions"
        Effect   = "Allow"
        Action   = "ecs:DescribeTaskDefinition"
        Resource = "*" # this action knows no resources
      },
      {
        Sid      = "RegisterTaskDefinitions"
        Effect   = "Allow"
        Action   = "ecs:RegisterTaskDefinition"
        Resource = local.definitions
      },
      {
        # Whose newest revision the next deployment takes for Terraform's.
        Sid      = "ButNotTheWorkersOwn"
        Effect   = "Deny"
        Action   = "ecs:RegisterTaskDefinition"
        Resource = "${local.worker_family}:*"
      },
      {
        Sid       = "Run"
        Effect    = "Allow"
        Action    = "ecs:RunTask"
        Resource  = local.definitions
        Condition = local.in_cluster
      },
      {
        # The observer knows its runs by their tags.
        Sid       = "TagWhatIsRun"
        Effect    = "Allow"
        Action    = "ecs:TagResource"
        Resource  = local.tasks
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
      {
        Sid       = "WatchAndStop"
        Effect    = "Allow"
        Action    = ["ecs:DescribeTasks", "ecs:StopTask"]
        Resource  = local.tasks
        Condition = local.in_cluster
      },
      {
        Sid       = "HandOverTheRolesOfRuns"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = [aws_iam_role.flow.arn, aws_iam_role.execution.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        Sid    = "HearOfTasks"
        Effect = "Allow"
        Action = [
          "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility",
        ]
        Resource = aws_sqs_queue.events.arn
      },
      {
        # A run that died before it reached Prefect: its output is shown there all the same.
        Sid      = "ReadTheLastWordsOfRuns"
        Effect   = "Allow"
        Action   = "logs:GetLogEvents"
        Resource = "${aws_cloudwatch_log_group.flows.arn}:log-stream:*"
      },
    ]
  })
}
