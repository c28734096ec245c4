"""`iot-dr launch`: the step that CodeBuild runs; it goes on where an earlier one stopped."""

from __future__ import annotations

import click

from iot_dr.cli.command import Command
from iot_dr.cli.options import SHADOWS, known_region
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.view.progress import ConsoleProgress
from iot_dr.cli.view.tables import Screen
from iot_dr.cli.view.texts import say
from iot_dr.errors import ConfigurationError
from iot_dr.runtime import environment
from iot_dr.runtime.commands.launch.launch import LaunchEnvironment, launcher
from iot_dr.services.launch.launch import launch

_EPILOG = """
Every option can come from the environment variable next to it instead. An option that is not given, or is empty,
changes nothing in an existing stack.

\b
Example, in the shell of a build:
  export PRIMARY_REGION=us-east-1 SECONDARY_REGION=us-west-2
  export STACK_POSTFIX=20261124120000 UUID=5f0c2a CREATE_HEALTH_CHECK=yes
  export BUCKET_RESOURCES=my-bucket-reference
  export SOLUTION_NAME=disaster-recovery-for-aws-iot VERSION=v0.1.0
  iot-dr launch
"""


def _option(
    name: str, text: str, kind: click.ParamType[str] = click.STRING, default: str | None = None
) -> click.Option:
    variable = name.replace("-", "_").upper()
    known = known_region if name.endswith("-region") else None
    short = [f"--{name.removesuffix('-region')}"] if name.endswith("-region") else []
    return click.Option(
        [f"--{name}", *short], envvar=variable, show_envvar=True, type=kind, default=default, help=text, callback=known
    )


_YES_OR_NO = click.Choice(["yes", "no"])
_MODES = click.Choice(["copy", "jitr"])
_INTERVALS = click.Choice(["10", "30"])
_OPTIONS = (
    _option("primary-region", "Region whose registry is replicated."),
    _option("secondary-region", "Region that is kept equal to it."),
    _option("stack-postfix", "What the names of all stacks end with; the same postfix continues the same launch."),
    _option("uuid", "Makes the names of the work buckets unique."),
    _option("bucket-resources", "Bucket of the published templates, PREFIX-reference."),
    _option("solution-name", "First part of the templates' keys."),
    _option("version", "Second part of the templates' keys, vX.Y.Z."),
    _option(
        "create-health-check",
        "Launch the Route 53 health checkers too; no leaves those that are there as they are.",
        _YES_OR_NO,
        "no",
    ),
    _option("release-sha256", "SHA-256 of each published file, as sha256sum writes them; what differs is refused."),
    # Without a default: what is not given must not change a stack that is there.
    _option(
        "certificate-mode",
        "Copy certificates, or leave them to just-in-time registration; copy in a new stack.",
        _MODES,
    ),
    _option(
        "provisioning-template",
        "Provisioning template that registers devices of a registered CA in the primary Region; none for none.",
    ),
    _option("replicate-shadows", "Which shadows are replicated; all in a new stack.", SHADOWS),
    _option("shadow-name-pattern", "Regular expression for the whole name of a named shadow; .* in a new stack."),
    _option("permissions-boundary", "ARN of a policy that no role of the launch may go beyond."),
    _option("kms-key-id", "ID of a multi-Region key for what the stacks store, mrk-...; AWS's keys in a new stack."),
    _option("primary-access-log-bucket", "Bucket in the primary Region for the access log of its work bucket."),
    _option("secondary-access-log-bucket", "Bucket in the secondary Region for the access log of its work bucket."),
    _option("health-check-concurrency", "Executions reserved for the health check in each Region, 0 to 100."),
    _option("tracing", "Whether AWS X-Ray traces functions and workflows; no in a new stack.", _YES_OR_NO),
    _option("fleet-name", "Full domain name that devices connect to in both Regions; needs a hosted zone."),
    _option("hosted-zone-id", "ID of the public hosted zone that holds the name."),
    _option("primary-fleet-certificate-arn", "Certificate of the name in the primary Region; made if there is none."),
    _option("secondary-fleet-certificate-arn", "Certificate of the name in the secondary Region; made likewise."),
    _option("health-check-interval", "Seconds between two health checks; 30 in a new stack.", _INTERVALS),
    _option("failure-threshold", "Failed checks until a Region counts as unhealthy, 1 to 10; 3 in a new stack."),
    _option("health-checker-regions", "Regions that Route 53 checks from, at least three, with commas; all at first."),
    _option(
        "name-servers", "Name servers of the zone as host or host:port, with commas; else its NS records say them."
    ),
    _option("primary-notification-topic-arn", "Topic of Amazon SNS that alarms of the primary Region notify."),
    _option("secondary-notification-topic-arn", "Topic of Amazon SNS that alarms of the secondary Region notify."),
)
_REQUIRED = (
    "primary_region",
    "secondary_region",
    "stack_postfix",
    "uuid",
    "bucket_resources",
    "solution_name",
    "version",
)


@click.command(name="launch", cls=Command, epilog=_EPILOG, params=[*_OPTIONS, profile_option()])
def command(profile: str, **options: str | None) -> None:
    """Launch the regional stacks, or continue a launch that stopped.

    Creates or updates the primary Region's stack with the global tables, the secondary Region's stack on the tables'
    replicas and, if asked for, a health checker in each Region. Then writes toolsrc for the operator's tools. Stack
    events are shown as they happen. You can run it again with the same postfix.
    """
    settings = _settings(options)
    order, choices, release = settings.launch, settings.choices, settings.release
    progress = ConsoleProgress(Screen())
    with launcher(settings, progress, profile) as tools:
        launched = launch(order, choices, release, tools)
    say(f"==> Launch {order.postfix} is complete: {order.regions.primary} -> {order.regions.secondary}")
    for (region, stack), outputs in launched.outputs.items():
        for name, value in outputs.items():
            say(f"    {region}  {stack}  {name} = {value}")
    say(f"Settings for the tools: aws s3 cp {launched.toolsrc} . && . ./toolsrc")


def _settings(options: dict[str, str | None]) -> LaunchEnvironment:
    missing = [name for name in _REQUIRED if not options[name]]
    if missing:
        named = ", ".join(f"{name.upper()} (--{name.replace('_', '-')})" for name in missing)
        raise ConfigurationError(f"missing: {named}; set the variable or give the option")
    return environment.read(LaunchEnvironment, {name.upper(): value for name, value in options.items() if value})
