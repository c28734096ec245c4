"""What changed in which Region since a failover, and what a failback does about it."""
