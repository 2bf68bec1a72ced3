variable "region" {
  description = "AWS region in which everything is created."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is not the name of an AWS region: write one like us-east-1."
  }
}

variable "name" {
  description = "What the resources are called; another name makes a second, separate set."
  type        = string
  default     = "bls-data-quest"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 32
    error_message = "name must be 1 to 32 lower-case letters, digits and single hyphens, a letter first."
  }
}

variable "bls_contact" {
  description = "E-mail address at which BLS can reach you; it goes into every request, as BLS asks."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", var.bls_contact))
    error_message = "bls_contact is no e-mail address. BLS refuses robots that leave none."
  }

  validation {
    condition     = !can(regex("(?i)[@.]example\\.(com|net|org)$", var.bls_contact))
    error_message = "bls_contact is a placeholder out of a document: BLS could reach nobody. Write an address that you read."
  }
}

# -- Prefect -------------------------------------------------------------------------------------

variable "prefect_api_url" {
  description = "URL of the Prefect API: a Prefect Cloud workspace's, or that of a server of your own."
  type        = string
  nullable    = false

  validation {
    condition = (
      can(regex("^https://api\\.prefect\\.cloud/api/accounts/[0-9a-f-]{36}/workspaces/[0-9a-f-]{36}$", var.prefect_api_url))
      || can(regex("^https?://[^/@[:space:]]+/([^@?#[:space:]]*/)?api$", var.prefect_api_url)) && !strcontains(var.prefect_api_url, "prefect.cloud")
    )
    error_message = "prefect_api_url must be https://api.prefect.cloud/api/accounts/…/workspaces/… (`prefect config view` shows it), or end in /api for a server of your own. It holds no credentials."
  }
}

variable "work_pool" {
  description = "Prefect work pool that the worker serves."
  type        = string
  default     = "bls-data-quest"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$", var.work_pool)) && !can(regex("^(?i)prefect", var.work_pool))
    error_message = "work_pool must be letters, digits, dots, hyphens and underscores, and not begin with prefect, which Prefect keeps for itself."
  }
}

variable "prefect_api_authentication" {
  description = "Whether the Prefect API asks for a key or an auth string. False only for a server of your own that nobody but your network reaches: there is no secret then."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.prefect_api_authentication || !startswith(var.prefect_api_url, "https://api.prefect.cloud/")
    error_message = "prefect_api_authentication is false, and Prefect Cloud always asks for an API key: leave it out."
  }
}

variable "cpu_architecture" {
  description = "Processor of worker and flow runs, and so of the image: X86_64, or ARM64, which costs a fifth less. An image of the other one does not start: build it anew when you change this."
  type        = string
  default     = "X86_64"
  nullable    = false

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture must be X86_64 or ARM64, as ECS writes them."
  }
}

variable "capacity_provider" {
  description = "Where flow runs are placed unless their deployment says otherwise: FARGATE, or FARGATE_SPOT, which costs a third, has no capacity at times, and may be stopped, after which the run runs again."
  type        = string
  default     = "FARGATE"
  nullable    = false

  validation {
    condition     = contains(["FARGATE", "FARGATE_SPOT"], var.capacity_provider)
    error_message = "capacity_provider must be FARGATE or FARGATE_SPOT."
  }
}

# -- The lake ------------------------------------------------------------------------------------

variable "bucket_name" {
  description = "Name of the lake's bucket, unique in the world. Null makes one of name, account and region."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must be 3 to 63 lower-case letters, digits and hyphens. (Dots are legal and break TLS.)"
  }
}

variable "lake_prefix" {
  description = "Folder of the bucket that holds the lake; empty for the bucket itself."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$", var.lake_prefix))
    error_message = "lake_prefix must be folders of letters, digits, dots, hyphens and underscores, without a slash at either end."
  }
}

variable "public_read" {
  description = "Whether anybody may read the mirrored files, the reports, the front page and the feed (never the vintages, the log or the state). An account that blocks public access to all of its buckets (S3, Block Public Access settings for this account) refuses the bucket's policy with AccessDenied: lift BlockPublicPolicy and RestrictPublicBuckets there first."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that the lake is encrypted with; its own policy must let the account use it. Null: S3's own keys (AES256)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be a key's ARN: arn:aws:kms:region:account:key/id. (An alias can't be granted.)"
  }

  validation {
    condition     = var.kms_key_arn == null || !coalesce(var.public_read, false)
    error_message = "kms_key_arn shuts out public readers: drop it, or public_read."
  }
}

variable "object_lock_days" {
  description = "Days for which no version of any object can be removed, by governance-mode Object Lock. Null: no lock."
  type        = number
  default     = null

  validation {
    condition     = var.object_lock_days == null || try(var.object_lock_days >= 1 && var.object_lock_days <= 36500 && floor(var.object_lock_days) == var.object_lock_days, false)
    error_message = "object_lock_days must be a whole number from 1 to 36500."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may delete the bucket with everything in it."
  type        = bool
  default     = false
  nullable    = false
}
