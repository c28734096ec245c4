"""What the product does, one use case per module, over ports: no AWS, no environment, time and threads handed in."""
