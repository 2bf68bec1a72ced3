# Exactly the settings of `python -m deployments apply`, in lower case (deployments/settings.py):
#   terraform output -json | .venv/bin/python -m deployments apply --from -

output "aws_region" {
  description = "Region of everything here."
  value       = var.region
}

output "cluster_arn" {
  description = "Cluster that flow runs run in."
  value       = aws_ecs_cluster.this.arn
}

output "subnets" {
  description = "Subnets that tasks run in."
  value       = local.subnet_ids
}

output "security_groups" {
  description = "Security groups of the tasks."
  value       = [aws_security_group.tasks.id]
}

output "assign_public_ip" {
  description = "Whether tasks need a public address to reach anyone."
  value       = local.assign_public_ip
}

output "execution_role_arn" {
  description = "Role that starts tasks: image, logs, secret."
  value       = aws_iam_role.execution.arn
}

output "task_role_arn" {
  description = "Role that flows work under."
  value       = aws_iam_role.flow.arn
}

output "log_group" {
  description = "Log group of flow runs."
  value       = aws_cloudwatch_log_group.flows.name
}

output "image_repository" {
  description = "Where images are pushed to."
  value       = aws_ecr_repository.image.repository_url
}

output "lake" {
  description = "Where the lake is kept."
  value       = trimsuffix("s3://${aws_s3_bucket.lake.bucket}/${local.lake_root}", "/")
}

output "lake_encryption" {
  description = "Encryption that each write asks for."
  value       = local.encryption
}

output "lake_kms_key" {
  description = "KMS key that the lake is encrypted with; null for S3's own."
  value       = var.kms_key_arn
}

output "glue_database" {
  description = "Glue database in which Athena finds the lake's tables."
  value       = aws_glue_catalog_database.lake.name
}

output "prefect_api_url" {
  description = "URL of the Prefect API, so that it is said once."
  value       = var.prefect_api_url
}

output "prefect_api_secret_arn" {
  description = "Secret that holds the Prefect API key or auth string; null where the API asks for none. Its ARN is no secret."
  value       = one(aws_secretsmanager_secret.prefect_api[*].arn)
}

output "bls_contact" {
  description = "Address at which BLS can reach you."
  value       = var.bls_contact
}

output "cpu_architecture" {
  description = "Processor that the image is built for."
  value       = var.cpu_architecture
}

output "capacity_provider" {
  description = "Where flow runs are placed unless their deployment says otherwise."
  value       = var.capacity_provider
}

output "work_pool" {
  description = "Prefect work pool that the worker serves."
  value       = var.work_pool
}
