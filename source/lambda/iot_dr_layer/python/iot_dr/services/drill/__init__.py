"""Rehearses a failover and the way back with devices that are made for it: `iot-dr drill`."""
