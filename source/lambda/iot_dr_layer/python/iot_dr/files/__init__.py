"""What an operator's disk holds: the state of a comparison, reports, snapshots. No AWS, no clock."""
