"""What an operator is shown: the state of replication, checks, quotas and parity."""
