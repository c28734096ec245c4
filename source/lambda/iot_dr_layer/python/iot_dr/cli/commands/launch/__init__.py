"""The commands of a launch as a whole: publish a build, launch it, tell what it costs, remove it."""
