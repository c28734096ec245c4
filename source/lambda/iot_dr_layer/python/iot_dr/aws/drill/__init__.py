"""A drill's own MQTT clients, its name in Route 53, and where that name leads."""
