"""What is asked of a launch as a whole: what it costs, and its removal."""
