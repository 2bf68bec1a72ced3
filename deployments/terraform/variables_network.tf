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

variable "existing_network" {
  description = "Subnets of yours to run in, instead of a VPC of its own. Tasks need a way out to the internet: a public address, or a NAT gateway of yours."
  type = object({
    vpc_id           = string
    subnet_ids       = list(string)
    assign_public_ip = bool
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
    condition     = var.existing_network == null || !var.private_subnets
    error_message = "existing_network and private_subnets exclude one another: an existing network is as private as you made it."
  }
}
