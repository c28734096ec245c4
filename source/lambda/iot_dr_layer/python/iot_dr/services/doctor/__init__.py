"""Asks everything that a failover rests on."""
