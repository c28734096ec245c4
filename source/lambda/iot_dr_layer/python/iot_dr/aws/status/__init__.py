"""What AWS tells of a running launch: metrics, rights, parts, settings beside the registry."""
