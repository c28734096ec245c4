"""The only ring that talks to AWS: each module adapts one service to a port, and turns its faults into `errors`."""
