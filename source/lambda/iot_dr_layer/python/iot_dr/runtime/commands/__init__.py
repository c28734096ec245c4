"""What each command of `iot-dr` is made of; it shares nothing with the functions but the rings below."""
