"""The commands of a failover, of the way back, and of its rehearsal."""
