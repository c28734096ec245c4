"""`iot-dr completion`: the script by which a shell completes commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from iot_dr.cli.command import Command

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_IOT_DR_COMPLETE"

_EPILOG = """
\b
Examples, each for the start file of its shell:
  eval "$(iot-dr completion bash)"        # ~/.bashrc
  eval "$(iot-dr completion zsh)"         # ~/.zshrc
  iot-dr completion fish | source         # ~/.config/fish/config.fish
"""


@click.command(
    "completion",
    cls=Command,
    epilog=_EPILOG,
    params=[click.Argument(["shell"], type=click.Choice(SHELLS), metavar="bash|zsh|fish")],
)
@click.pass_context
def command(context: click.Context, /, shell: str) -> None:
    """Print the script that completes commands and options of iot-dr in a shell.

    It completes the names of launches that settings.toml has, kinds of resources, and runs of the history, too. Exits
    0.
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"there is no completion for {shell}", context)
    click.echo(made(context.find_root().command, {}, "iot-dr", _VARIABLE).source())
