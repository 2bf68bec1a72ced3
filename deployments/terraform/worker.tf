# The Prefect worker: the same image as the flows, one small task that is always there. It asks the
# Prefect API for work; nothing asks it.
#
# Terraform says how it runs, and `python -m deployments worker`, also CI's, which image: it takes the
# newest definition of the family, registers it with the image's tag and brings the service there. Until
# the first time no task runs.

locals {
  worker_volumes = { home = "/home/quest", tmp = "/tmp" }

  worker_environment = {
    AWS_DEFAULT_REGION                                   = var.region
    PREFECT_API_URL                                      = var.prefect_api_url
    PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME = aws_sqs_queue.events.name
    PREFECT_WORKER_WEBSERVER_HOST                        = "127.0.0.1"

    # A task that AWS has no capacity for is asked for again for 15 minutes (30 waits of 30 s and
    # more), which is less than the automation waits that takes a silent run for dead.
    PREFECT_INTEGRATIONS_AWS_ECS_WORKER_CREATE_TASK_RUN_MAX_ATTEMPTS      = "31"
    PREFECT_INTEGRATIONS_AWS_ECS_WORKER_CREATE_TASK_RUN_MIN_DELAY_SECONDS = "30"
  }
}

resource "aws_ecs_task_definition" "worker" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  # The smallest there is. Measured: a worker takes 150 MB.
  cpu                = 256
  memory             = 512
  execution_role_arn = aws_iam_role.execution.arn
  task_role_arn      = aws_iam_role.worker.arn
  # The service may run the revision that this replaces.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  dynamic "volume" {
    for_each = local.worker_volumes

    content {
      name = volume.key
    }
  }

  container_definitions = jsonencode([{
    name      = "worker"
    image     = "${aws_ecr_repository.image.repository_url}:none"
    essential = true
    # The pool is made by `python -m deployments apply`: one that the worker made by itself would
    # have Prefect's template, not ours.
    command = [
      "prefect", "worker", "start", "--pool", var.work_pool, "--type", "ecs", "--name", var.name,
      "--with-healthcheck", "--no-create-pool-if-not-found", "--install-policy", "never",
    ]
    environment = [for name, value in local.worker_environment : { name = name, value = value }]
    secrets = [
      for secret in aws_secretsmanager_secret.prefect_api :
      { name = local.prefect_credential, valueFrom = secret.arn }
    ]
    # What a worker writes: Prefect's own files. The image declares both folders as volumes, so
    # that they are its user's and not root's.
    readonlyRootFilesystem = true
    mountPoints = [
      for name, path in local.worker_volumes :
      { sourceVolume = name, containerPath = path, readOnly = false }
    ]
    healthCheck = {
      command     = ["CMD", "python", "-m", "deployments.image.health"]
      interval    = 30
      timeout     = 10
      retries     = 3
      startPeriod = 60
    }
    linuxParameters = { initProcessEnabled = true }
    stopTimeout     = 30
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-region        = var.region
        awslogs-group         = aws_cloudwatch_log_group.worker.name
        awslogs-stream-prefix = "worker"
      }
    }
  }])
}

resource "aws_ecs_service" "worker" {
  #checkov:skip=CKV_AWS_333:Public subnets without NAT need a public address to reach anyone; nothing is let in (firewall.tf).
  depends_on = [aws_ecs_cluster_capacity_providers.this] # which asks for ECS's own role

  name            = "worker"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.worker.arn
  desired_count   = 0
  propagate_tags  = "SERVICE"
  # An apply that changes a worker that runs ends when it runs again.
  wait_for_steady_state = true
  # Never Spot: a worker that was taken away means runs that begin late, for 6 USD a month.
  launch_type = "FARGATE"

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = local.assign_public_ip
  }

  # An image that does not start leaves the worker that is there.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  lifecycle {
    # `python -m deployments worker` sets both.
    ignore_changes = [task_definition, desired_count]
  }
}
