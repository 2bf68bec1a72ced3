terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Exactly: this is the version that the tests run against. It is the newest that can be had where
      # they run, which is a closed network whose mirror of providers holds no 6.x. Nothing here is
      # known to need 5.x; Dependabot offers 6.x, and whoever takes it should run `make infra-test`.
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project   = var.name
      ManagedBy = "terraform"
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  # As prefect.yaml names the task families: one for each deployment. The worker may register and
  # run these and no others.
  flow_families = "bls-data-quest-*"
}
