# What is planned for given variables, with a provider that only pretends: `terraform test`.

mock_provider "aws" {
  mock_data "aws_iam_roles" {
    defaults = { names = ["AWSServiceRoleForECS"] }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1c", "us-east-1a", "us-east-1b"] }
  }
}

variables {
  region          = "us-east-1"
  bls_contact     = "data@quest.test"
  prefect_api_url = "https://api.prefect.cloud/api/accounts/00000000-0000-0000-0000-000000000000/workspaces/00000000-0000-0000-0000-000000000000"
}

run "at_first_no_worker_runs_and_nobody_may_deploy" {
  command = plan

  assert {
    condition     = aws_ecs_service.worker.desired_count == 0
    error_message = "A worker without an image."
  }
  assert {
    condition     = aws_ecr_repository.image.image_tag_mutability == "IMMUTABLE"
    error_message = "Tags can be moved."
  }
  assert {
    condition     = length(aws_iam_role.ci) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "A role for CI that nobody asked for."
  }
}

run "the_worker_is_waited_for_and_is_never_on_capacity_that_can_be_taken_away" {
  command = plan

  assert {
    condition     = aws_ecs_service.worker.deployment_circuit_breaker[0].rollback && aws_ecs_service.worker.wait_for_steady_state
    error_message = "A bad image takes the worker that is there, or an apply ends before that shows."
  }
  assert {
    condition     = aws_ecs_service.worker.launch_type == "FARGATE" && output.capacity_provider == "FARGATE"
    error_message = "The worker, or the daily run, is on capacity that can be taken away."
  }
  assert {
    condition     = aws_ecs_cluster_capacity_providers.this.capacity_providers == toset(["FARGATE", "FARGATE_SPOT"])
    error_message = "A deployment cannot choose."
  }
}

run "worker_and_runs_are_on_one_architecture" {
  command = plan

  assert {
    condition     = aws_ecs_task_definition.worker.runtime_platform[0].cpu_architecture == "X86_64" && output.cpu_architecture == "X86_64"
    error_message = "Not X86_64, which is the default."
  }
}

run "arm64_is_said_to_the_worker_and_to_the_deployments" {
  command = plan
  variables {
    cpu_architecture = "ARM64"
  }

  assert {
    condition     = aws_ecs_task_definition.worker.runtime_platform[0].cpu_architecture == "ARM64" && output.cpu_architecture == "ARM64"
    error_message = "An image for ARM64 would not start."
  }
}

run "an_image_that_was_in_use_is_never_expired_for_its_age" {
  command = plan

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.image.policy).rules :
      [rule.rulePriority, rule.selection.tagStatus, try(rule.selection.tagPatternList, null), rule.selection.countType]
      ] == [
      [1, "tagged", ["deployed-*"], "imageCountMoreThan"],
      [2, "tagged", ["*"], "sinceImagePushed"],
      [3, "untagged", null, "sinceImagePushed"],
    ]
    error_message = "A rule by age, or by the count of all, comes before the one that keeps what is in use."
  }
}

run "without_ecs_own_role_the_plan_says_how_to_make_it" {
  command = plan
  override_data {
    target = data.aws_iam_roles.ecs
    values = { names = [] }
  }
  expect_failures = [aws_ecs_cluster_capacity_providers.this]
}

run "without_a_key_s3_encrypts_with_its_own" {
  command = plan

  assert {
    condition     = output.lake_encryption == "AES256" && output.lake_kms_key == null
    error_message = "Another encryption than S3's own."
  }
  assert {
    condition     = length(local.use_of_the_key) == 0
    error_message = "A right to keys that nobody named."
  }
}

run "a_key_encrypts_the_lake_and_the_flow_may_use_it" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d"
  }

  assert {
    condition     = output.lake_encryption == "aws:kms" && output.lake_kms_key == var.kms_key_arn
    error_message = "Writes do not ask for the key."
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.lake.rule).bucket_key_enabled
    error_message = "A request to KMS for each object."
  }
  assert {
    condition     = local.use_of_the_key[0].Resource == var.kms_key_arn && toset(local.use_of_the_key[0].Action) == toset(["kms:GenerateDataKey", "kms:Decrypt"])
    error_message = "Other rights than to use this key."
  }
}

run "a_lake_is_private_by_default" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.lake.block_public_acls,
      aws_s3_bucket_public_access_block.lake.ignore_public_acls,
      aws_s3_bucket_public_access_block.lake.block_public_policy,
      aws_s3_bucket_public_access_block.lake.restrict_public_buckets,
    ])
    error_message = "The bucket is open."
  }
  assert {
    condition     = aws_s3_bucket.lake.bucket == "bls-data-quest-123456789012-us-east-1" && !aws_s3_bucket.lake.force_destroy
    error_message = "Not the bucket that the page tells of."
  }
  assert {
    condition     = length(aws_s3_bucket_object_lock_configuration.lake) == 0
    error_message = "A lock that nobody asked for."
  }
}

run "an_open_lake_shows_the_view_and_the_reports_and_neither_log_nor_vintages" {
  command = plan
  variables {
    public_read = true
  }
  override_resource {
    target          = aws_s3_bucket.lake
    override_during = plan
    values          = { arn = "arn:aws:s3:::lake" }
  }

  assert {
    condition = [
      for statement in jsondecode(aws_s3_bucket_policy.lake.policy).Statement :
      [statement.Action, statement.Resource] if statement.Effect == "Allow"
    ] == [["s3:GetObject", [for key in ["bls/*", "census/*", "analytics/*", "index.html", "feed.xml"] : "arn:aws:s3:::lake/${key}"]]]
    error_message = "Anybody may do more, or less, than read the view and the reports."
  }
  assert {
    condition     = !aws_s3_bucket_public_access_block.lake.restrict_public_buckets && aws_s3_bucket_public_access_block.lake.block_public_acls
    error_message = "The policy does not count, or access lists do."
  }
}

run "no_lifecycle_rule_touches_an_object_that_is_kept_for_ever" {
  command = plan
  variables {
    lake_prefix = "quest/lake"
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.lake.rule :
      length(rule.expiration) + length(rule.noncurrent_version_expiration) == 0
      || contains([for key in ["bls/", "census/", "analytics/", "tables/", "state/", "index.html", "feed.xml"] : "quest/lake/${key}"], try(one(rule.filter).prefix, ""))
    ])
    error_message = "A rule expires something outside the derived folders."
  }
  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.lake.rule :
      try(one(rule.filter).prefix, "") == "" && try(one(rule.abort_incomplete_multipart_upload).days_after_initiation, 0) == 1
    ])
    error_message = "Unfinished uploads stay, and are paid for."
  }
  assert {
    condition     = output.lake == "s3://bls-data-quest-123456789012-us-east-1/quest/lake"
    error_message = "Not the lake that the roles are for."
  }
}

run "a_run_may_set_the_tables_of_its_own_database_and_of_no_other" {
  command = plan
  variables {
    name = "another-quest"
  }
  override_resource {
    target          = aws_s3_bucket.lake
    override_during = plan
    values          = { arn = "arn:aws:s3:::lake" }
  }

  assert {
    condition     = output.glue_database == "another_quest"
    error_message = "Not a name that Athena takes unquoted."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.flow.policy).Statement :
      [statement.Action, statement.Resource] if statement.Sid == "Point"
      ] == [[
        ["glue:GetTable", "glue:CreateTable", "glue:UpdateTable"],
        [for name in ["catalog", "database/another_quest", "table/another_quest/*"] : "arn:aws:glue:us-east-1:123456789012:${name}"],
    ]]
    error_message = "Other rights on Glue than to set this database's tables."
  }
}

run "a_locked_lake_keeps_every_version" {
  command = plan
  variables {
    object_lock_days = 365
  }

  assert {
    condition     = one(aws_s3_bucket_object_lock_configuration.lake[0].rule[0].default_retention).mode == "GOVERNANCE"
    error_message = "No default retention."
  }
}

run "public_subnets_let_nothing_in" {
  command = plan

  assert {
    condition     = output.assign_public_ip && length(aws_subnet.public) == 2 && length(aws_nat_gateway.this) == 0
    error_message = "Not two public subnets without NAT."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.https.to_port == 443 && length(aws_vpc_security_group_egress_rule.prefect_api) == 0
    error_message = "More than HTTPS is let out."
  }
  assert {
    condition     = aws_vpc_endpoint.s3[0].vpc_endpoint_type == "Gateway"
    error_message = "No way to S3 of its own."
  }
}

run "private_subnets_have_a_gateway_and_no_addresses" {
  command = plan
  variables {
    private_subnets = true
  }

  assert {
    condition     = !output.assign_public_ip && length(aws_subnet.private) == 2 && length(aws_nat_gateway.this) == 1
    error_message = "Not two private subnets behind one gateway."
  }
}

run "an_existing_network_is_used_as_it_is" {
  command = plan
  variables {
    existing_network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], assign_public_ip = false }
  }

  assert {
    condition     = length(aws_vpc.this) + length(aws_subnet.public) + length(aws_vpc_endpoint.s3) == 0
    error_message = "Something was added to a network that is not ours."
  }
  assert {
    condition     = output.subnets == tolist(["subnet-1"]) && !output.assign_public_ip && aws_security_group.tasks.vpc_id == "vpc-1"
    error_message = "The network is not the one that was named."
  }
}

run "a_server_of_ones_own_is_reached_at_its_port_with_its_auth_string" {
  command = plan
  variables {
    prefect_api_url = "http://prefect.internal:4200/api"
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.prefect_api[0].to_port == 4200
    error_message = "The API cannot be reached."
  }
  assert {
    condition     = startswith(aws_secretsmanager_secret.prefect_api[0].description, "PREFECT_API_AUTH_STRING ")
    error_message = "An API key where there is none."
  }
}

run "a_server_without_authentication_has_no_secret_and_none_may_be_read" {
  command = plan
  variables {
    prefect_api_url            = "http://prefect.internal:4200/api"
    prefect_api_authentication = false
  }

  assert {
    condition     = length(aws_secretsmanager_secret.prefect_api) == 0 && output.prefect_api_secret_arn == null
    error_message = "A secret that holds nothing."
  }
  assert {
    condition     = length(local.reading_of_the_credential) == 0
    error_message = "A right to read secrets."
  }
}

run "dns_servers_of_the_network_are_let_through_and_no_others" {
  command = plan
  variables {
    existing_network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], assign_public_ip = false, dns_servers = ["10.0.0.2", "10.0.1.2"] }
  }

  assert {
    condition = toset([
      for rule in values(aws_vpc_security_group_egress_rule.dns) : "${rule.ip_protocol} ${rule.cidr_ipv4} ${rule.from_port}-${rule.to_port}"
    ]) == toset(["udp 10.0.0.2/32 53-53", "tcp 10.0.0.2/32 53-53", "udp 10.0.1.2/32 53-53", "tcp 10.0.1.2/32 53-53"])
    error_message = "Tasks cannot look anything up, or may ask anybody."
  }
}

run "subnets_lie_in_zones_that_have_fargate" {
  command = plan
  variables {
    region = "us-west-1"
  }

  assert {
    condition     = contains([for filter in data.aws_availability_zones.available[0].filter : "${filter.name}=${join(",", sort(filter.values))}"], "zone-id=usw1-az1,usw1-az3")
    error_message = "Tasks would not start in half of the subnets."
  }
}

run "subnets_lie_in_the_zones_that_were_named" {
  command = plan
  variables {
    zone_ids = ["use1-az1", "use1-az2"]
  }

  assert {
    condition     = contains([for filter in data.aws_availability_zones.available[0].filter : "${filter.name}=${join(",", sort(filter.values))}"], "zone-id=use1-az1,use1-az2")
    error_message = "Other zones than those that were named."
  }
}

run "ci_is_the_main_branch_of_one_repository" {
  command = plan
  variables {
    github_repository        = "someone/bls-data-quest"
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition = jsondecode(aws_iam_role.ci[0].assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = ["repo:someone/bls-data-quest:ref:refs/heads/main"]
      }
    }
    error_message = "Others may push."
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "A second provider: AWS allows one."
  }
}

run "ci_logs_in_from_a_repository_that_github_names_by_its_ids_too" {
  command = plan
  variables {
    github_repository        = "some-one/bls.data_quest"
    github_owner_id          = 1234567 # a number, as gh prints it
    github_repository_id     = "987654321"
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition = jsondecode(aws_iam_role.ci[0].assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = [
          "repo:some-one/bls.data_quest:ref:refs/heads/main",
          "repo:some-one@1234567/bls.data_quest@987654321:ref:refs/heads/main",
        ]
      }
    }
    error_message = "Not exactly the two forms that GitHub has."
  }
}

run "ci_brings_one_service_to_one_family_and_hands_over_the_roles_of_that_family" {
  command = plan
  variables {
    github_repository = "someone/bls-data-quest"
  }
  override_resource {
    target          = aws_ecs_service.worker
    override_during = plan
    values          = { id = "arn:aws:ecs:us-east-1:123456789012:service/bls-data-quest/worker" }
  }
  override_resource {
    target          = aws_iam_role.worker
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:role/bls-data-quest-worker" }
  }
  override_resource {
    target          = aws_iam_role.execution
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:role/bls-data-quest-execution" }
  }
  override_resource {
    target          = aws_ecr_repository.image
    override_during = plan
    values          = { arn = "arn:aws:ecr:us-east-1:123456789012:repository/bls-data-quest" }
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.ci[0].policy).Statement :
      statement.Sid => statement if startswith(jsonencode(statement.Action), "[\"ecr:D") || !strcontains(jsonencode(statement.Action), "ecr:")
      } == {
      ReadWhatTheScanFound = {
        Sid      = "ReadWhatTheScanFound"
        Effect   = "Allow"
        Action   = ["ecr:DescribeImageScanFindings", "ecr:StartImageScan"]
        Resource = "arn:aws:ecr:us-east-1:123456789012:repository/bls-data-quest"
      }
      ReadTaskDefinitions = {
        Sid      = "ReadTaskDefinitions"
        Effect   = "Allow"
        Action   = "ecs:DescribeTaskDefinition"
        Resource = "*"
      }
      RegisterTheWorker = {
        Sid      = "RegisterTheWorker"
        Effect   = "Allow"
        Action   = "ecs:RegisterTaskDefinition"
        Resource = "arn:aws:ecs:us-east-1:123456789012:task-definition/bls-data-quest-worker:*"
      }
      SeeTheWorker = {
        Sid      = "SeeTheWorker"
        Effect   = "Allow"
        Action   = "ecs:DescribeServices"
        Resource = "arn:aws:ecs:us-east-1:123456789012:service/bls-data-quest/worker"
      }
      BringTheWorkerToAnImage = {
        Sid       = "BringTheWorkerToAnImage"
        Effect    = "Allow"
        Action    = "ecs:UpdateService"
        Resource  = "arn:aws:ecs:us-east-1:123456789012:service/bls-data-quest/worker"
        Condition = { ArnLike = { "ecs:task-definition" = "arn:aws:ecs:us-east-1:123456789012:task-definition/bls-data-quest-worker:*" } }
      }
      HandOverTheWorkersRoles = {
        Sid       = "HandOverTheWorkersRoles"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = ["arn:aws:iam::123456789012:role/bls-data-quest-worker", "arn:aws:iam::123456789012:role/bls-data-quest-execution"]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      }
    }
    error_message = "CI may do more in AWS, or less, than deploy the worker."
  }
}

run "alarms_reach_a_mailbox_and_look_back_over_a_day" {
  command = plan
  variables {
    alarm_email = "ops@example.org"
  }

  assert {
    condition     = aws_sns_topic_subscription.email[0].endpoint == "ops@example.org"
    error_message = "Nobody is notified."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.no_success.period * aws_cloudwatch_metric_alarm.no_success.evaluation_periods == 30 * 3600 && aws_cloudwatch_metric_alarm.no_success.treat_missing_data == "breaching"
    error_message = "Silence would be taken for success."
  }
}
