"""What CloudFormation, CodeBuild and S3 know of a launch."""
