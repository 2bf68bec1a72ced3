# The image of flows and worker.

resource "aws_ecr_repository" "image" {
  #checkov:skip=CKV_AWS_136:The image holds no secrets and its source is in git; AWS's own key encrypts it.
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  # An image can be built again from its commit.
  force_delete = true

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "image" {
  repository = aws_ecr_repository.image.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Layers that no tag names any more"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 1 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Twenty images to roll back to"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
        action       = { type = "expire" }
      },
    ]
  })
}
