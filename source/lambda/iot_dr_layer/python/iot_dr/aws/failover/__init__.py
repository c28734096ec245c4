"""The control item and a Region's fence in DynamoDB."""
