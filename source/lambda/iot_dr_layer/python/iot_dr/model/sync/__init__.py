"""What a sync is to do, and how far it is."""
