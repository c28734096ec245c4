"""The command line `iot-dr`: reads options, calls one service, prints; decides nothing."""
