"""Wires how a command finds the settings of a launch: a toolsrc, profiles, and the stacks of the account."""
