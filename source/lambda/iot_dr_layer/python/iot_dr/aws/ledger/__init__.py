"""The ledger's table in DynamoDB."""
