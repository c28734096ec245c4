"""Links into the AWS console, whose domain each partition has for itself."""

from __future__ import annotations

from typing import Any

from troposphere import FindInMap, Ref, Sub, Template


def add_console_domains(template: Template) -> None:
    """Add the mapping that the links look their domain up in."""
    template.add_mapping(
        "Console",
        {
            "aws": {"Domain": "console.aws.amazon.com"},
            "aws-cn": {"Domain": "console.amazonaws.cn"},
            "aws-us-gov": {"Domain": "console.amazonaws-us-gov.com"},
        },
    )


def link(path: str, region: str = "${AWS::Region}", **values: Any) -> Sub:
    """Return a link; `path` and `region` may hold `${...}` of `Fn::Sub`, with `values` for them."""
    return Sub(
        f"https://{region}.${{ConsoleDomain}}/{path}",
        ConsoleDomain=FindInMap("Console", Ref("AWS::Partition"), "Domain"),
        **values,
    )
