"""Worker of the replication."""
