"""The commands of `iot-dr`, a module each."""
