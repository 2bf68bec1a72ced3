# The image of flows and worker. `python -m deployments worker` gives what it has brought into use a
# second tag, deployed-<tag>: so the rules below can tell it from what was only pushed.

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

# "An image that matches the tagging requirements of a rule cannot be expired by a rule with a lower
# priority" (ECR User Guide): the second and third never touch what the first is about. The image in use
# is the last that was brought into use, or an earlier one that was gone back to: among the newest 20 of
# those either way, however many were pushed since and however long ago that was.
resource "aws_ecr_lifecycle_policy" "image" {
  repository = aws_ecr_repository.image.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Of the images that were in use, the newest 20 stay, at any age"
        selection    = { tagStatus = "tagged", tagPatternList = ["deployed-*"], countType = "imageCountMoreThan", countNumber = 20 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Images that were never in use stay 90 days"
        selection    = { tagStatus = "tagged", tagPatternList = ["*"], countType = "sinceImagePushed", countUnit = "days", countNumber = 90 }
        action       = { type = "expire" }
      },
      {
        # Of an image with a tag ECR keeps the parts (one for each architecture, and what is attested).
        rulePriority = 3
        description  = "What no tag names any more, and no image with a tag"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 1 }
        action       = { type = "expire" }
      },
    ]
  })
}
