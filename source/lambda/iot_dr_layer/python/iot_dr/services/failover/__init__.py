"""Failover: who leads, what may be lost by it, and how devices follow."""
