"""What a launch costs a month: prices, amounts of work, and what would make it cheaper."""
