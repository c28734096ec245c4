"""Wires what is done with a launch as a whole: a published build, the launch, its cost, its removal."""
