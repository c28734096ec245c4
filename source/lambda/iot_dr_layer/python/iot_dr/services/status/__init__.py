"""Tells how replication stands, as a whole and for one device."""
