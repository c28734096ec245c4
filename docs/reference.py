"""Write the lists of docs/reference.md from the code: commands, variables, parameters, outputs and alarms.

Beside them the whole of docs/rights.md and docs/failover-policies.md, which `docs.rights` and `docs.operator_policies`
make.

`python -m docs.reference` rewrites them; tests/architecture/test_documented.py holds them to the code. A list stands
between `<!-- from the code: NAME -->` and `<!-- end -->`; everything else in the page is written by hand.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from docs import operator_policies, rights, schemas
from iot_dr.cli.main import cli
from iot_dr.runtime import functions
from iot_dr.runtime.commands.launch.launch import LaunchEnvironment
from templates import main_stack, primary_region, r53_health_checker, secondary_region
from templates.config import Config

PAGE = Path(__file__).with_name("reference.md")
PART = re.compile(r"(<!-- from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
WIDTH = 118

# Names that stand for themselves, so that the page does not depend on who builds it.
CONFIG = Config("prefix", "disaster-recovery-for-aws-iot", "v0.1.0", ("eu-west-1", "us-east-1"))
STACKS = {
    "Main stack": main_stack,
    "Primary Region's stack": primary_region,
    "Secondary Region's stack": secondary_region,
    "Health checker's stack": r53_health_checker,
}

VARIABLES: Mapping[str, str] = {
    "ACCOUNT_ID": "The AWS account that both Regions belong to.",
    "AWS_REGION": "The function's own Region; Lambda sets it.",
    "BACKGROUND_QUEUE_URL": "Queue of background work.",
    "BUCKET_PREFIX": "How the names of the buckets of the published files begin.",
    "BUCKET_RESOURCES": "Bucket of the published templates, `PREFIX-reference`.",
    "CERTIFICATE_MODE": "How certificates come to the secondary Region: `copy` or `jitr`.",
    "CONTROL_TABLE": "Name of the global table that holds the control item.",
    "CREATE_HEALTH_CHECK": "Whether to launch the health checkers: `yes` or `no`.",
    "EVENT_TABLE": "Name of the global table that carries events.",
    "FAILURE_THRESHOLD": "How many checks in a row must fail before a Region counts as unhealthy.",
    "HEALTH_CHECKER_REGIONS": "Regions that Route 53 checks from, separated by commas.",
    "HEALTH_CHECK_INTERVAL": "Seconds between two health checks of one checker.",
    "TRACING": "Whether AWS X-Ray traces functions and workflows: `yes` or `no`.",
    "HOSTED_ZONE_ID": "Zone of Route 53 that holds the name of the fleet.",
    "INCOMPLETE_SECONDS": "How long an incomplete new device is checked.",
    "DYNAMODB_GLOBAL_TABLE": "Table that carries registry events to the secondary Region.",
    "DYNAMODB_SHADOW_TABLE": "Table that carries shadow events to the secondary Region.",
    "FLEET_NAME": "Full domain name that devices connect to in both Regions.",
    "HEALTH_CHECK_CONCURRENCY": "Executions that are reserved for the health check in each Region.",
    "IOT_ENDPOINT": "Device endpoint of the Region.",
    "IOT_ENDPOINT_PRIMARY": "Where devices connect in the primary Region.",
    "IOT_ENDPOINT_SECONDARY": "Where devices connect in the secondary Region.",
    "KMS_KEY_ID": "ID of a multi-Region key for what the launched stacks store.",
    "LEDGER_TABLE": "Name of the ledger's table.",
    "NAME_SERVERS": "Name servers of that zone, as `host` or `host:port`, separated by commas.",
    "PATH_SECRET_ARN": "Secret with the last part of the path.",
    "PERMISSIONS_BOUNDARY": "ARN of the policy that no role of the launch may go beyond.",
    "PRIMARY_ACCESS_LOG_BUCKET": "Bucket for the access log of the primary Region's work bucket.",
    "PRIMARY_FLEET_CERTIFICATE_ARN": "Certificate of the fleet's name in the primary Region.",
    "PRIMARY_NOTIFICATION_TOPIC_ARN": "Topic that alarms of the primary Region notify.",
    "PRIMARY_REGION": "Region whose registry is replicated.",
    "PROBE_SECRET_ARN": "Secret with the probe's certificate and key.",
    "PROVISIONING_TEMPLATE": "Provisioning template by which devices register in the primary Region; `none`: none.",
    "RELEASE_SHA256": "SHA-256 of each published file, as `sha256sum` writes them; empty: files are not compared.",
    "REPLICATE_SHADOWS": "Which shadows are replicated: `all`, `classic`, `named` or `none`.",
    "RULE_ERROR_QUEUE_URL": "Queue of registry events that the topic rules could not store.",
    "SECONDARY_ACCESS_LOG_BUCKET": "Bucket for the access log of the secondary Region's work bucket.",
    "SECONDARY_BUCKET": "Work bucket of the secondary Region, which keeps failed stream records.",
    "SECONDARY_FLEET_CERTIFICATE_ARN": "Certificate of the fleet's name in the secondary Region.",
    "SECONDARY_NOTIFICATION_TOPIC_ARN": "Topic that alarms of the secondary Region notify.",
    "SECONDARY_REGION": "Region that is kept equal to it.",
    "SETTLE_SECONDS": "How long the attachments of a complete new device must stay unchanged.",
    "SHADOW_RULE_ERROR_QUEUE_URL": "Queue of shadow events that the topic rules could not store.",
    "SHADOW_NAME_PATTERN": "Regular expression for the whole name of a named shadow that is replicated.",
    "SOLUTION_NAME": "First part of the keys of the published files.",
    "STACK_POSTFIX": "What the names of the launch's stacks end with.",
    "LOOK_DEAD_LETTER_QUEUE_URL": "Queue of messages that cannot be read.",
    "LOOK_QUEUE_URL": "Queue of resources to check, in the secondary Region.",
    "STATE_MACHINE_ARN": "The replication workflow.",
    "SWEEP_SLICE": "How many of each kind every sweep has checked whole.",
    "UUID": "What the names of the launch's buckets end with.",
    "VERSION": "Second part of the keys of the published files.",
    "WORK_BUCKET": "Bucket that keeps what could not be read.",
}
"""What each variable of a function or a command is for; a new one needs its line here."""


def main() -> None:
    """Rewrite the page in place, and those of the rights."""
    PAGE.write_text(rendered(PAGE.read_text()))
    rights.PAGE.write_text(rights.rendered(templates()))
    operator_policies.PAGE.write_text(operator_policies.rendered())
    schemas.write()


def rendered(page: str) -> str:
    """Return the page with every part from the code made anew."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[3]}", page)


def commands() -> str:
    """List every sub-command with its options."""
    return _grouped(
        (f"`iot-dr {name}`", _entry("/".join([option.opts[0], *option.secondary_opts]), _facts(option), option.help))
        for name, option in options()
    )


def variables() -> str:
    """List every environment variable of functions and commands."""
    return "\n".join(_variable_entries())


def parameters() -> str:
    """List every parameter of every stack."""
    return _grouped(
        (stack, _entry(name, (_admitted(facts), _default(facts.get("Default", ""))), facts["Description"]))
        for stack, template in _templates()
        for name, facts in template["Parameters"].items()
    )


def outputs() -> str:
    """List every output of every stack."""
    return _grouped(
        (stack, _entry(name, (), facts["Description"]))
        for stack, template in _templates()
        for name, facts in template["Outputs"].items()
    )


def alarms() -> str:
    """List every alarm of every stack."""
    return _grouped(
        (stack, _entry(name, (), resource["Properties"]["AlarmDescription"]))
        for stack, template in _templates()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    )


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "variables": variables,
    "parameters": parameters,
    "outputs": outputs,
    "alarms": alarms,
}


def options() -> Iterator[tuple[str, click.Option]]:
    """Yield every option with its sub-command's name."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        for option in command.params if command else ():
            if isinstance(option, click.Option):
                yield name, option


def environments() -> list[type[Any]]:
    """Return the environment dataclasses of functions, each from the module that defines it."""
    found = pkgutil.walk_packages(functions.__path__, f"{functions.__name__}.")
    modules = (importlib.import_module(module.name) for module in found if not module.ispkg)
    return [
        value
        for module in modules
        for value in vars(module).values()
        if dataclasses.is_dataclass(value)
        and isinstance(value, type)
        and value.__name__.endswith("Environment")
        and value.__module__ == module.__name__
    ]


def readers() -> Mapping[str, list[str]]:
    """Return the commands and functions that read each variable: a command by an option, whose default it is."""
    found: dict[str, dict[str, list[str]]] = {}
    for command, option in options():
        if isinstance(option.envvar, str):
            found.setdefault(option.envvar, {}).setdefault("command", []).append(_code(command))
    for environment in environments():
        for variable in variables_of(environment):
            function = _code(environment.__module__.rpartition(".")[2])
            found.setdefault(variable, {}).setdefault("function", []).append(function)
    return {
        variable: [
            f"{what}{'s' if len(names) > 1 else ''} {', '.join(dict.fromkeys(names))}" for what, names in by.items()
        ]
        for variable, by in found.items()
    }


def variables_of(environment: type[Any]) -> Mapping[str, object]:
    """Return the variables of a dataclass with their defaults; empty where there is none."""
    return {
        field.name.upper(): "" if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(environment)
    }


def _facts(option: click.Option) -> tuple[str, ...]:
    default = option.default if isinstance(option.default, str | Path) else ""
    return f"or {_code(option.envvar)}" if option.envvar else "", _default(default)


def _variable_entries() -> Iterator[str]:
    defaults: dict[str, str] = {}
    for environment in (*environments(), LaunchEnvironment):
        for variable, default in variables_of(environment).items():
            defaults[variable] = defaults.get(variable) or _default(default)
    for variable, read_by in sorted(readers().items()):
        yield _entry(variable, (*read_by, defaults.get(variable, "")), VARIABLES[variable])


def templates() -> dict[str, dict[str, Any]]:
    """Return every template by the name of its stack."""
    return dict(_templates())


def _templates() -> Iterator[tuple[str, dict[str, Any]]]:
    for stack, module in STACKS.items():
        yield stack, module.build(CONFIG).to_dict()


def _admitted(facts: Mapping[str, Any]) -> str:
    if "MinValue" in facts:
        return f"{facts['MinValue']} to {facts['MaxValue']}"
    if tuple(facts.get("AllowedValues", ())) == CONFIG.regions:
        return "a Region that has AWS IoT Core"
    if "AllowedValues" in facts:
        return ", ".join(map(_code, facts["AllowedValues"]))
    return str(facts.get("ConstraintDescription", "")).removeprefix("must be ")


def _default(value: object) -> str:
    return f"default {_code(value)}" if value != "" else ""


def _code(value: object) -> str:
    return f"`{value}`"


def _entry(name: str, facts: Iterable[str], text: str | None) -> str:
    known = "; ".join(filter(None, facts))
    line = f"- **{_code(name)}**{f' ({known})' if known else ''}: {text}"
    return textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _grouped(entries: Iterable[tuple[str, str]]) -> str:
    groups: dict[str, list[str]] = {}
    for group, entry in entries:
        groups.setdefault(group, []).append(entry)
    return "\n\n".join(f"**{group}**\n\n" + "\n".join(lines) for group, lines in groups.items())


if __name__ == "__main__":
    main()
