"""The data plane of Route 53, which the emulator lacks: checkers, name servers, and a resolver that clients use.

`health.py` and `zones.py` hold AWS's rules and nothing else. `checkers.py` asks the endpoints of health checks,
`name_servers.py` answers from the zones, and `service.py` reads both from the emulator and keeps them going.
"""
