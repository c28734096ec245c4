"""Failover: who leads, and how devices follow."""
