"""The topic of Amazon SNS that every alarm of a stack notifies, if one is given; it lies in the stack's own Region.

An alarm can notify only a topic of its own Region.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
"""

from __future__ import annotations

from typing import Any

from troposphere import Equals, If, Not, NoValue, Parameter, Ref, Template

from templates.blocks.parameters import Field

TOPIC = "NotificationTopicArn"
HAS_TOPIC = "HasNotificationTopic"
"""The parameter, and the template's condition that it is given."""


def notification_topic(
    title: str = TOPIC, label: str = "Topic that alarms notify", region: str = "this Region", without: str = ""
) -> Field:
    """Ask for the topic of one Region; `without` says what an empty input means."""
    return Field(
        Parameter(
            title,
            Type="String",
            Description=f"ARN of a standard topic of Amazon SNS in {region}. Each alarm there notifies it when it "
            f"rings and when it rests again. {without or 'Empty: alarms notify nobody.'}",
            Default="",
            AllowedPattern=r"(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})?",
            ConstraintDescription="must be the ARN of a standard topic of Amazon SNS",
        ),
        label,
    )


def add_notifications(template: Template) -> None:
    """Have the alarms of a template notify the topic, if one is given in its form; call it before the first alarm."""
    template.add_condition(HAS_TOPIC, Not(Equals(Ref(TOPIC), "")))


def notified() -> Any:
    """Return an alarm's actions: the topic, or none."""
    return If(HAS_TOPIC, [Ref(TOPIC)], NoValue)
