"""What a drill needs from outside."""
