"""What replication is asked, what becomes of it, and what the ledger keeps."""
