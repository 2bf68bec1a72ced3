variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "alarm_email" {
  description = "Address that alarms are mailed to, once its owner has confirmed. Null: the topic has no subscriber of ours."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", var.alarm_email))
    error_message = "alarm_email is no e-mail address."
  }
}

variable "success_within_hours" {
  description = "An alarm is raised when no pipeline run succeeded for so long. A daily schedule needs more than 24, and more than 25 on the day the clocks change."
  type        = number
  default     = 30
  nullable    = false

  validation {
    # CloudWatch looks back a week at most.
    condition     = var.success_within_hours >= 26 && var.success_within_hours <= 168 && floor(var.success_within_hours) == var.success_within_hours
    error_message = "success_within_hours must be a whole number from 26 to 168."
  }
}

variable "github_repository" {
  description = "owner/name, as GitHub spells it, of the repository whose main branch may push images and have the worker run them. Null: no role for CI. A repository made or renamed since 2026-07-15 also needs its two ids below."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be owner/name, without wildcards."
  }
}

variable "github_owner_id" {
  description = "Number of the repository's owner. GitHub vouches for newer repositories as owner@id/name@id: without the ids their logins are refused. `gh api repos/OWNER/NAME --jq '.owner.id,.id'` prints this one first, then github_repository_id."
  type        = string
  default     = null

  validation {
    condition     = var.github_owner_id == null || can(regex("^[1-9][0-9]*$", var.github_owner_id))
    error_message = "github_owner_id is no number: `gh api repos/OWNER/NAME --jq '.owner.id,.id'` prints it first."
  }

  validation {
    condition     = (var.github_owner_id == null) == (var.github_repository_id == null)
    error_message = "github_owner_id and github_repository_id come together: `gh api repos/OWNER/NAME --jq '.owner.id,.id'` prints both."
  }

  validation {
    condition     = var.github_owner_id == null || var.github_repository != null
    error_message = "github_owner_id has no meaning without github_repository."
  }
}

variable "github_repository_id" {
  description = "Number of the repository; see github_owner_id."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository_id == null || can(regex("^[1-9][0-9]*$", var.github_repository_id))
    error_message = "github_repository_id is no number: `gh api repos/OWNER/NAME --jq '.owner.id,.id'` prints it second."
  }
}

variable "github_oidc_provider_arn" {
  description = "ARN of the account's OIDC provider for GitHub Actions, if it has one: an account holds only one. Null creates it."
  type        = string
  default     = null

  validation {
    condition     = var.github_oidc_provider_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_oidc_provider_arn))
    error_message = "github_oidc_provider_arn is not the ARN of GitHub's provider (…:oidc-provider/token.actions.githubusercontent.com)."
  }

  validation {
    condition     = var.github_oidc_provider_arn == null || var.github_repository != null
    error_message = "github_oidc_provider_arn has no meaning without github_repository."
  }
}
