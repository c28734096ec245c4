"""AWS IoT's registry of one Region: read, listed and written."""
