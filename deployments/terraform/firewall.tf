# What worker and flows can reach: HTTPS anywhere (BLS, DataUSA, Prefect, AWS), and the Prefect API
# and DNS servers where they are elsewhere. Nothing reaches them: there is no ingress rule.

locals {
  api_port = try(
    tonumber(regex("^https?://[^/]+:([0-9]+)/", var.prefect_api_url)[0]),
    startswith(var.prefect_api_url, "https:") ? 443 : 80
  )
}

resource "aws_security_group" "tasks" {
  #checkov:skip=CKV2_AWS_5:ECS attaches it: to the worker by its service, to flow runs by the work pool.
  name_prefix = "${var.name}-tasks-"
  description = "BLS Data Quest: worker and flow runs; nothing in, HTTPS out"
  vpc_id      = local.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.tasks.id
  description       = "Publishers, Prefect and AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

# Amazon's own DNS is asked past every security group; servers of yours are not.
resource "aws_vpc_security_group_egress_rule" "dns" {
  for_each = {
    for rule in setproduct(local.own_vpc ? [] : var.existing_network.dns_servers, ["udp", "tcp"]) :
    join("-", rule) => { server = rule[0], protocol = rule[1] }
  }

  security_group_id = aws_security_group.tasks.id
  description       = "DNS server of the existing network"
  ip_protocol       = each.value.protocol
  from_port         = 53
  to_port           = 53
  cidr_ipv4         = "${each.value.server}/32"
}

resource "aws_vpc_security_group_egress_rule" "prefect_api" {
  count = local.api_port == 443 ? 0 : 1

  security_group_id = aws_security_group.tasks.id
  description       = "The Prefect API"
  ip_protocol       = "tcp"
  from_port         = local.api_port
  to_port           = local.api_port
  cidr_ipv4         = "0.0.0.0/0"
}
