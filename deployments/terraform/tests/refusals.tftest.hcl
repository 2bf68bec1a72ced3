# Values that cannot be meant are refused before anything is planned: in each run all of those that
# are listed, and each by its own variable's message.

mock_provider "aws" {
  mock_data "aws_iam_roles" {
    defaults = { names = ["AWSServiceRoleForECS"] }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b"] }
  }
}

variables {
  region          = "us-east-1"
  bls_contact     = "data@quest.test"
  prefect_api_url = "https://prefect.example.org/api"
}

run "names_that_cannot_be_meant" {
  command = plan
  variables {
    region            = "Virginia"
    name              = "BLS_Quest" # no bucket can be called so
    bucket_name       = "MyBucket"
    lake_prefix       = "quest/" # a slash at its end
    work_pool         = "my pool"
    capacity_provider = "EC2"
    cpu_architecture  = "amd64"     # ECS's names are others
    github_repository = "someone/*" # anybody's of that owner
  }
  expect_failures = [var.region, var.name, var.bucket_name, var.lake_prefix, var.work_pool, var.capacity_provider, var.cpu_architecture, var.github_repository]
}

run "a_key_that_cannot_be_granted" {
  command = plan
  variables {
    kms_key_arn = "alias/lake"
  }
  expect_failures = [var.kms_key_arn]
}

run "a_key_that_shuts_out_public_readers" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d"
    public_read = true
  }
  expect_failures = [var.kms_key_arn]
}

run "addresses_that_lead_nowhere" {
  command = plan
  variables {
    bls_contact      = "data.example.org"             # no @
    prefect_api_url  = "https://prefect.example.org/" # the dashboard's
    alarm_email      = "ops"
    vpc_cidr         = "10.0.0.0/28" # too small for four subnets
    existing_network = { vpc_id = "vpc-1", subnet_ids = [], assign_public_ip = true }
    bucket_name      = "my.bucket"    # breaks TLS
    lake_prefix      = "a/../b"       # leads elsewhere
    work_pool        = "Prefect-runs" # Prefect's own
  }
  expect_failures = [var.bls_contact, var.prefect_api_url, var.alarm_email, var.vpc_cidr, var.existing_network, var.bucket_name, var.lake_prefix, var.work_pool]
}

run "a_network_that_does_not_say_how_tasks_get_out" {
  command = plan
  variables {
    existing_network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], assign_public_ip = null }
  }
  expect_failures = [var.existing_network]
}

run "null_means_the_default" {
  command = plan
  variables {
    name                       = null
    work_pool                  = null
    capacity_provider          = null
    cpu_architecture           = null
    prefect_api_authentication = null
    lake_prefix                = null
    public_read                = null
    force_destroy              = null
    vpc_cidr                   = null
    private_subnets            = null
    log_retention_days         = null
    success_within_hours       = null
  }
  assert {
    condition     = var.name == "bls-data-quest" && var.work_pool == "bls-data-quest" && var.capacity_provider == "FARGATE" && var.cpu_architecture == "X86_64" && var.prefect_api_authentication && var.lake_prefix == ""
    error_message = "A text that is null is not its default."
  }
  assert {
    condition     = !var.public_read && !var.force_destroy && !var.private_subnets && var.vpc_cidr == "10.42.0.0/24" && var.log_retention_days == 90 && var.success_within_hours == 30
    error_message = "A switch or a number that is null is not its default."
  }
}

run "numbers_out_of_range" {
  command = plan
  variables {
    object_lock_days     = 0
    log_retention_days   = 42 # CloudWatch does not know it
    success_within_hours = 24 # raised every day
    vpc_cidr             = "10.0.0.300/24"
    prefect_api_url      = "https://me:secret@prefect.example.org/api" # a password
  }
  expect_failures = [var.object_lock_days, var.log_retention_days, var.success_within_hours, var.vpc_cidr, var.prefect_api_url]
}

run "the_other_ends_of_the_ranges" {
  command = plan
  variables {
    object_lock_days     = 1.5
    success_within_hours = 169                                                                      # CloudWatch looks back a week
    prefect_api_url      = "https://api.prefect.cloud/api"                                          # no workspace
    existing_network     = { vpc_id = "subnet-1", subnet_ids = ["vpc-1"], assign_public_ip = true } # swapped
    name                 = "a-name-that-leaves-no-room-for-a-suffix"
  }
  expect_failures = [var.object_lock_days, var.success_within_hours, var.prefect_api_url, var.existing_network, var.name]
}

run "options_that_exclude_one_another" {
  command = plan
  variables {
    private_subnets          = true
    existing_network         = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], assign_public_ip = true }
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" # for no repository
  }
  expect_failures = [var.existing_network, var.github_oidc_provider_arn]
}

run "an_oidc_provider_that_is_not_githubs" {
  command = plan
  variables {
    github_repository        = "someone/bls"
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/example.org"
  }
  expect_failures = [var.github_oidc_provider_arn]
}

run "an_owners_name_for_its_id" {
  command = plan
  variables {
    github_repository    = "someone/bls"
    github_owner_id      = "someone"
    github_repository_id = "987654321"
  }
  expect_failures = [var.github_owner_id]
}

run "a_fraction_for_the_id_of_a_repository" {
  command = plan
  variables {
    github_repository    = "someone/bls"
    github_owner_id      = "1234567"
    github_repository_id = "987654321.5"
  }
  expect_failures = [var.github_repository_id]
}

run "any_owner" {
  command = plan
  variables {
    github_repository    = "someone/bls"
    github_owner_id      = "*"
    github_repository_id = "987654321"
  }
  expect_failures = [var.github_owner_id]
}

run "a_repository_with_its_ids_in_its_name" {
  command = plan
  variables {
    github_repository = "someone@1234567/bls@987654321"
  }
  expect_failures = [var.github_repository]
}

run "one_id_without_the_other" {
  command = plan
  variables {
    github_repository = "someone/bls"
    github_owner_id   = 1234567
  }
  expect_failures = [var.github_owner_id]
}

run "ids_of_no_repository" {
  command = plan
  variables {
    github_owner_id      = 1234567
    github_repository_id = 987654321
  }
  expect_failures = [var.github_owner_id]
}

run "a_cloud_without_a_key" {
  command = plan
  variables {
    prefect_api_url            = "https://api.prefect.cloud/api/accounts/00000000-0000-0000-0000-000000000000/workspaces/00000000-0000-0000-0000-000000000000"
    prefect_api_authentication = false
  }
  expect_failures = [var.prefect_api_authentication]
}

run "zones_by_the_names_that_differ_between_accounts" {
  command = plan
  variables {
    zone_ids = ["us-east-1a", "us-east-1b"]
  }
  expect_failures = [var.zone_ids]
}

run "one_zone" {
  command = plan
  variables {
    zone_ids = ["use1-az1", "use1-az1"]
  }
  expect_failures = [var.zone_ids]
}

run "a_dns_server_by_its_name" {
  command = plan
  variables {
    existing_network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], assign_public_ip = true, dns_servers = ["ns1.example.org"] }
  }
  expect_failures = [var.existing_network]
}

run "a_contact_out_of_a_document" {
  command = plan
  variables {
    bls_contact = "you@mail.Example.org"
  }
  expect_failures = [var.bls_contact]
}
