"""What every template of the solution starts with: its description, the release it belongs to, where its assets lie."""

from __future__ import annotations

from troposphere import FindInMap, Join, Sub, Template

from templates.config import Config

LAUNCHER = "iot-dr-solution.zip"
"""The build's source."""


def start_template(config: Config, purpose: str) -> Template:
    """Return an empty template that says what it is for, with the release as a mapping that a reader finds on top."""
    template = Template(Description=f"{purpose} ({config.solution_name} {config.version})")
    template.set_version("2010-09-09")
    template.add_mapping(
        "Solution",
        {
            "Source": {
                "BucketPrefix": config.bucket_prefix,
                "Name": config.solution_name,
                "Version": config.version,
                "KeyPrefix": f"{config.solution_name}/{config.version}",
            }
        },
    )
    return template


def source(name: str) -> FindInMap:
    """Look up a value of the release: `BucketPrefix`, `Name`, `Version`, or `KeyPrefix` for both."""
    return FindInMap("Solution", "Source", name)


def code_bucket() -> Sub:
    """Name the bucket of this Region's code; Lambda and CodeBuild read only from their own Region."""
    return Sub("${Prefix}-${AWS::Region}", Prefix=source("BucketPrefix"))


def reference_bucket() -> Sub:
    """Name the bucket of the templates."""
    return Sub("${Prefix}-reference", Prefix=source("BucketPrefix"))


def asset_key(file_name: str) -> Sub:
    """Return the S3 key of one file of the release.

    The version in the key is what makes CloudFormation see new code: it compares keys, never content.
    """
    return Sub(f"${{KeyPrefix}}/{file_name}", KeyPrefix=source("KeyPrefix"))


def add_digests(template: Template, config: Config) -> Join | str:
    """Add the SHA-256 of the release's files, one line each as sha256sum writes them, and return all in one line."""
    if not config.digests:
        return ""
    template.mappings["Solution"]["Source"]["Sha256"] = [f"{digest}  {file}" for file, digest in config.digests]
    return Join(" ", source("Sha256"))
