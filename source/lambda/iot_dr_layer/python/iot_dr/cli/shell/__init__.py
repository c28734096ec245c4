"""What makes a shell at home with `iot-dr`."""
