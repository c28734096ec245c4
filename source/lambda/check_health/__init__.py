"""Function package: answers Route 53's health checks."""
