"""What a process loads whose forks are commands; imported there, and nowhere else."""

import click

import lab.sdk_models  # noqa: F401  # the SDK's models, read once
from iot_dr.cli.main import COMMANDS, cli

for _name in COMMANDS:
    cli.get_command(click.Context(cli), _name)
