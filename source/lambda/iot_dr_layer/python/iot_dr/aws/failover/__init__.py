"""The control item and the fences in DynamoDB; the fleet's name, its domains and its connections."""
