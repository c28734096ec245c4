"""What a registry holds, how it is named, and how two registries differ."""
