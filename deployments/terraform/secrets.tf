# The Prefect API key (Cloud) or auth string (a server of your own). Terraform makes the place; the
# value is put there by a command (docs/ecs.md), so that it never is in Terraform's state. A server
# without authentication needs none.

locals {
  is_cloud           = startswith(var.prefect_api_url, "https://api.prefect.cloud/")
  prefect_credential = local.is_cloud ? "PREFECT_API_KEY" : "PREFECT_API_AUTH_STRING"
}

resource "aws_secretsmanager_secret" "prefect_api" {
  #checkov:skip=CKV_AWS_149:AWS's own key encrypts it; who may read it is said by IAM, which names one role.
  #checkov:skip=CKV2_AWS_57:Prefect makes the key, so that AWS cannot rotate it; docs/ecs.md tells how to.
  count = var.prefect_api_authentication ? 1 : 0

  # A prefix: the name of a deleted secret stays taken for a week.
  name_prefix             = "${var.name}-prefect-api-"
  description             = "${local.prefect_credential} of ${var.prefect_api_url}"
  recovery_window_in_days = 7
}
