"""Write docs/failover-policies.md from `templates.operator_policies`: what a person needs to fail over, as JSON.

`python -m docs.reference` rewrites it; tests/architecture/test_documented.py holds it to the code.
"""

from __future__ import annotations

import json
from pathlib import Path

from templates.operator_policies import BREAK_GLASS, OPERATOR, People, policies

PAGE = Path(__file__).with_name("failover-policies.md")
WORDS = People(
    account="ACCOUNT", primary="PRIMARY_REGION", secondary="SECONDARY_REGION", postfix="STACK_POSTFIX", key="KMS_KEY_ID"
)
"""Placeholders that stand where a launch's own values go."""
HEAD = """# Policies for people who fail over

Two policies of IAM, written from `templates/operator_policies.py`. No stack creates them: attach them to the roles that
your people take. In each, replace these words:

| Word | Is |
|---|---|
| `ACCOUNT` | the number of your account |
| `PRIMARY_REGION`, `SECONDARY_REGION`, `STACK_POSTFIX` | as in `toolsrc` |
| `KMS_KEY_ID` | as in the form of the main stack; if you gave none, remove the statement `UseKey` |

Outside the partition `aws`, replace `arn:aws:` too. Of the tables that they name, both policies allow two items only:
the *control item*, which says where devices are to go, and the *fence*, which says what may be written in a Region.
`dynamodb:LeadingKeys` limits them to these two keys.
"""
TEXTS = {
    OPERATOR: """## Operator

For the daily work: a failover with everything that follows it, in both Regions. It may also end the connection of any
device of the account in these Regions, and send a message to any device; that is how devices are moved. It reads quotas
to know how fast. The fence of the primary Region, which only a failback writes, is in its global table.
It has not the rights of `iot-dr status`, which tell what may be lost, nor those by which `iot-dr failback` reads and
writes both registries.
""",
    BREAK_GLASS: """## Break glass

For the night when the primary Region is gone, and your own tools with it. It needs nothing but the secondary Region,
and cannot touch a device. Keep it on a role that people can take without the primary Region, and have an alarm on its
use.
""",
}


def rendered() -> str:
    """Return the page."""
    parts = [HEAD]
    for name, policy in policies(WORDS).items():
        parts.append(f"\n{TEXTS[name]}\n```json\n{json.dumps(policy, indent=2)}\n```\n")
    return "".join(parts)
