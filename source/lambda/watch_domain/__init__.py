"""Function package: watches where the fleet's name leads."""
