"""The composition root: environment -> wired services, and the boundary where errors become answers.

Handlers import this ring and nothing else. Each module wires one feature.
"""
