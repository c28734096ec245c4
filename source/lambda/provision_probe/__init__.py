"""Function package: provisions the health checker's own device."""
