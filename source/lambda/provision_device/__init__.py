"""Registration of new devices in the primary Region, by a provisioning template."""
