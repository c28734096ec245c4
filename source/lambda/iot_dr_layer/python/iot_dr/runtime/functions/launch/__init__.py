"""Functions of a launch: what CloudFormation and the build call."""
