# What must not stay unseen even where Prefect itself, or the worker, is the thing that died.

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:CloudWatch cannot publish to a topic under AWS's own SNS key; alarms hold no secret.
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "undeliverable" {
  alarm_name        = "${var.name}-undeliverable-task-events"
  alarm_description = "Events of tasks reached nobody: runs may stay Running that are dead. Look at the worker's log group ${aws_cloudwatch_log_group.worker.name}, then empty ${aws_sqs_queue.undeliverable.name}."

  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.undeliverable.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching" # SQS tells nothing of a queue that is not used

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}

# Prefect's last line of a run that ended well. Only the pipeline's names both sources; the test of
# this file (tests/infra) runs the pipeline and reads its log by this pattern.
resource "aws_cloudwatch_log_metric_filter" "success" {
  name           = "${var.name}-pipeline-success"
  log_group_name = aws_cloudwatch_log_group.flows.name
  pattern        = "\"Finished in state\" \"type=COMPLETED\" \"bls/\" \" census \""

  metric_transformation {
    namespace = var.name
    name      = "PipelineSuccess"
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "no_success" {
  alarm_name        = "${var.name}-no-success"
  alarm_description = "No pipeline run succeeded for ${var.success_within_hours} hours. Look at the deployment pipeline/daily-pipeline in Prefect, then at the log groups ${aws_cloudwatch_log_group.worker.name} and ${aws_cloudwatch_log_group.flows.name}."

  namespace           = aws_cloudwatch_log_metric_filter.success.metric_transformation[0].namespace
  metric_name         = aws_cloudwatch_log_metric_filter.success.metric_transformation[0].name
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  # Hours, because CloudWatch looks back more than a day only in periods of an hour or longer; each
  # without a success is a breach, and so is silence.
  period             = 3600
  evaluation_periods = var.success_within_hours
  treat_missing_data = "breaching"

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]
}
