# What happens to tasks, on its way to the worker's observer: EventBridge → SQS. Without it a run
# whose task was killed would stay Running for ever in Prefect.

resource "aws_sqs_queue" "undeliverable" {
  name                      = "${var.name}-task-events-dead"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "events" {
  name = "${var.name}-task-events"
  # Long enough for a worker that is away over a weekend.
  message_retention_seconds  = 4 * 24 * 3600
  visibility_timeout_seconds = 300
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.undeliverable.arn
    maxReceiveCount     = 5
  })
}

resource "aws_cloudwatch_event_rule" "tasks" {
  name        = "${var.name}-task-events"
  description = "State changes of the tasks in the cluster, for the Prefect worker"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail      = { clusterArn = [aws_ecs_cluster.this.arn] }
  })
}

resource "aws_cloudwatch_event_target" "tasks" {
  depends_on = [aws_sqs_queue_policy.events]

  rule = aws_cloudwatch_event_rule.tasks.name
  arn  = aws_sqs_queue.events.arn

  dead_letter_config {
    arn = aws_sqs_queue.undeliverable.arn
  }
}

resource "aws_sqs_queue_policy" "events" {
  for_each = {
    events        = aws_sqs_queue.events
    undeliverable = aws_sqs_queue.undeliverable
  }
  queue_url = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyTheRuleSends"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = each.value.arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.tasks.arn } }
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = each.value.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
