# Where worker and flow runs run, and where their output goes.

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:Container Insights bills each metric of each task; the runs' own logs and Prefect tell more.
  name = var.name
}

# Both, whatever var.capacity_provider says: a deployment may choose for itself.
resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  lifecycle {
    precondition {
      condition     = length(data.aws_iam_roles.ecs.names) > 0
      error_message = "This account has never used ECS, and lacks ECS's own role, without which a first apply fails half-way: run `aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com` once, and apply again."
    }
  }
}

# The role is the account's, one for all that use ECS: it is not made here, nor destroyed.
data "aws_iam_roles" "ecs" {
  path_prefix = "/aws-service-role/ecs.amazonaws.com/"
}

resource "aws_cloudwatch_log_group" "flows" {
  #checkov:skip=CKV_AWS_158:Encrypted by CloudWatch's own key; nothing secret is logged (docs/reliability.md).
  #checkov:skip=CKV_AWS_338:How long is a variable, 90 days by default; the lake's own log keeps its history.
  name              = "/${var.name}/flows"
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_log_group" "worker" {
  #checkov:skip=CKV_AWS_158:Encrypted by CloudWatch's own key; nothing secret is logged (docs/reliability.md).
  #checkov:skip=CKV_AWS_338:How long is a variable, 90 days by default.
  name              = "/${var.name}/worker"
  retention_in_days = var.log_retention_days
}
