variable "vpc_cidr" {
  description = "Addresses of the VPC that is created."
  type        = string
  default     = "10.42.0.0/24"
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 26, false)
    error_message = "vpc_cidr must be an IPv4 range between /16 and /26, such as 10.42.0.0/24."
  }
}

variable "private_subnets" {
  description = "Whether tasks run in private subnets behind a NAT gateway (about 33 USD a month more) instead of public ones that let nothing in."
  type        = bool
  default     = false
  nullable    = false
}

variable "zone_ids" {
  description = "Ids (use1-az1, not us-east-1a) of the zones that the VPC's two subnets may lie in. Null: all those of the region in which AWS lists Fargate. Name them where ECS says that it has no Fargate in a zone."
  type        = list(string)
  default     = null

  validation {
    condition     = var.zone_ids == null || try(length(distinct(var.zone_ids)) >= 2 && alltrue([for zone in var.zone_ids : can(regex("^[a-z0-9]+-az[0-9]+$", zone))]), false)
    error_message = "zone_ids must be the ids of at least two zones, such as use1-az1: `aws ec2 describe-availability-zones --query 'AvailabilityZones[].[ZoneName,ZoneId]'` prints them."
  }

  validation {
    condition     = var.zone_ids == null || var.existing_network == null
    error_message = "zone_ids has no meaning with existing_network: your subnets lie where they lie."
  }
}

variable "existing_network" {
  description = "Subnets of yours to run in, instead of a VPC of its own. They lie in zones that have Fargate. Tasks need a way out to the internet: a public address, or a NAT gateway of yours. Where the VPC's DHCP options name DNS servers other than Amazon's, give their addresses as dns_servers: tasks may ask no others, and these must know AWS's names, Prefect's and the publishers'."
  type = object({
    vpc_id           = string
    subnet_ids       = list(string)
    assign_public_ip = bool
    dns_servers      = optional(list(string), [])
  })
  default = null

  validation {
    condition = var.existing_network == null || try(
      startswith(var.existing_network.vpc_id, "vpc-")
      && length(var.existing_network.subnet_ids) > 0
      && alltrue([for subnet in var.existing_network.subnet_ids : startswith(subnet, "subnet-")])
      && var.existing_network.assign_public_ip != null,
      false
    )
    error_message = "existing_network needs a vpc_id (vpc-…), at least one of its subnet_ids (subnet-…), and whether to assign_public_ip."
  }

  validation {
    condition     = var.existing_network == null || try(alltrue([for server in var.existing_network.dns_servers : can(cidrnetmask("${server}/32"))]), false)
    error_message = "existing_network.dns_servers must be IPv4 addresses, such as 10.0.0.2."
  }

  validation {
    condition     = var.existing_network == null || !var.private_subnets
    error_message = "existing_network and private_subnets exclude one another: an existing network is as private as you made it."
  }
}
