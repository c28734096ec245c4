"""The test bed: both Regions on this machine, so that the whole product can be launched without an AWS account.

The product never imports this package and has no special case for it. What the emulator does otherwise than AWS is
bridged in `lab.corrections`, inside the emulator's own process; docs/lab.md says what a run here proves and what only a
real account can.
"""
