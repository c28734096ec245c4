"""The commands that write a registry down and bring it back."""
