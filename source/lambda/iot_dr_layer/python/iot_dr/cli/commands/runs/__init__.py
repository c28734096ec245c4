"""Commands about runs: what they wrote, and which are at work in the account."""
