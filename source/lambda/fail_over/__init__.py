"""Function package: has its Region take over."""
