"""What each Lambda function is made of; it shares nothing with the commands but the rings below."""
