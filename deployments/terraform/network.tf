# Where tasks get their addresses. Nothing can reach them: no security group lets anything in.

locals {
  own_vpc = var.existing_network == null
  zones   = local.own_vpc ? slice(sort(data.aws_availability_zones.available[0].names), 0, 2) : []

  subnet_ids = local.own_vpc ? (
    var.private_subnets ? values(aws_subnet.private)[*].id : values(aws_subnet.public)[*].id
  ) : var.existing_network.subnet_ids
  assign_public_ip = local.own_vpc ? !var.private_subnets : var.existing_network.assign_public_ip
  vpc_id           = local.own_vpc ? aws_vpc.this[0].id : var.existing_network.vpc_id
}

locals {
  # Where not every zone has Fargate, those that have it: "Supported Regions for Amazon ECS on AWS
  # Fargate" in the ECS Developer Guide, read second-hand in November 2026. Zones' ids mean the same
  # zone in each account, their names do not.
  zones_with_fargate = {
    us-west-1      = ["usw1-az1", "usw1-az3"]
    ap-northeast-1 = ["apne1-az1", "apne1-az2", "apne1-az4"]
    ca-central-1   = ["cac1-az1", "cac1-az2"]
    cn-north-1     = ["cnn1-az1", "cnn1-az2"]
  }
  chosen_zone_ids = var.zone_ids != null ? var.zone_ids : lookup(local.zones_with_fargate, var.region, [])
}

data "aws_availability_zones" "available" {
  count = local.own_vpc ? 1 : 0
  state = "available"

  dynamic "filter" {
    for_each = length(local.chosen_zone_ids) == 0 ? [] : [local.chosen_zone_ids]

    content {
      name   = "zone-id"
      values = filter.value
    }
  }

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:Nothing listens in it and nothing may come in; flow logs are the account's choice.
  count = local.own_vpc ? 1 : 0

  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# The group that AWS makes by itself lets its members reach one another: this empties it.
resource "aws_default_security_group" "this" {
  count  = local.own_vpc ? 1 : 0
  vpc_id = aws_vpc.this[0].id
}

resource "aws_internet_gateway" "this" {
  count  = local.own_vpc ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = var.name }
}

resource "aws_subnet" "public" {
  for_each = { for index, zone in local.zones : zone => index }

  vpc_id            = aws_vpc.this[0].id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc_cidr, 2, each.value)
  tags              = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_route_table" "public" {
  count  = local.own_vpc ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route" "public" {
  count = local.own_vpc ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

# To S3 without NAT's price for each gigabyte, and without leaving AWS.
resource "aws_vpc_endpoint" "s3" {
  count = local.own_vpc ? 1 : 0

  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat(aws_route_table.public[*].id, aws_route_table.private[*].id)
  tags              = { Name = "${var.name}-s3" }
}
