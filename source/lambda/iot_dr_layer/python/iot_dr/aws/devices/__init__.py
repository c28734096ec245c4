"""What it takes to be a device: keys, certificates, MQTT."""
