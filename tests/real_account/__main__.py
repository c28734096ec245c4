"""`python -m tests.real_account`: asks two Regions of an account what is only believed of AWS (docs/real-account.md).

Nothing happens by accident: without `--account`, and credentials of that very account, nothing is asked of AWS.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lab.waiting import until
from tests.real_account import catalogue
from tests.real_account.account import Account, Regions
from tests.real_account.budget import CallBudget
from tests.real_account.crossing import SCENARIOS
from tests.real_account.made import PREFIX, Clients, Journal, Removal
from tests.real_account.running import Plan, everywhere, run

FOLDER = Path(".real-account")
LABEL = re.compile(r"[a-z0-9]{1,12}")
PRODUCTION = ("prod", "live", "main", "fleet", "customer")
SETTINGS = ("STACK_POSTFIX", "DYNAMODB_SHADOW_TABLE", "FLEET_NAME")
Connect = Callable[[argparse.Namespace, CallBudget], Clients]
"""Makes the clients of a run, which count in its budget."""

ASKED = "Type the account's number to go on: "


class WrongUseError(Exception):
    """The options, or the credentials, are not those of a run that may begin."""


def main(
    arguments: Sequence[str] | None = None,
    ask: Callable[[str], str] = input,
    connect: Connect | None = None,
) -> int:
    """Try what is believed; 0 if nothing is refuted or left, 1 if something is, 2 if it cannot run."""
    options = _options(arguments)
    try:
        if options.page:
            catalogue.PAGE.write_text(catalogue.rendered(catalogue.PAGE.read_text(encoding="utf-8")), encoding="utf-8")
            return 0
        act = _clean if options.clean else _try
        return act(options, ask, connect or _clients)
    except WrongUseError as error:
        print(f"error: {error}", file=sys.stderr)
    except (ClientError, BotoCoreError) as error:
        print(f"error: AWS does not answer as it must: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; what was made is removed, or listed above", file=sys.stderr)
    return 2


def _try(options: argparse.Namespace, ask: Callable[[str], str], connect: Connect) -> int:
    settings = {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}
    plan = planned(options.only, launched="STACK_POSTFIX" in settings, drill=options.drill)
    name = f"{PREFIX}{label(options.label)}-{datetime.now(UTC):%m%d%H%M}{secrets.token_hex(2)}"
    _tell_plan(plan, options, name)
    if options.list:
        return 0
    budget = CallBudget(options.budget)
    regions = regions_of(options)
    clients = connect(options, budget)
    confirmed_account(regions, clients)
    if not options.yes and ask(ASKED).strip() != regions.account:
        raise WrongUseError("not confirmed; nothing was done")
    journal = Journal(FOLDER / f"{name}.jsonl")
    account = Account(regions, name, clients, journal, until, settings, _authority(), _environ(options))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    result = run(plan, account, budget, Removal(clients, until), lambda line: print(line, flush=True))
    _write(journal.path.with_suffix(".json"), result, budget)
    print(f"{budget.used} requests; {journal.path.with_suffix('.json')} has the findings")
    return result.exit_code


def planned(only: Sequence[str], *, launched: bool, drill: bool) -> Plan:
    """Return what is tried: what is named, else all that this account can tell of."""
    names = list(only)
    known = {doubt.name for doubt in catalogue.DOUBTS if doubt.probe} | {one.name for one in SCENARIOS}
    if wrong := sorted(set(names) - known):
        raise WrongUseError(f"there is no {', '.join(wrong)}; --list shows the names")
    scenarios = [
        one for one in SCENARIOS if one.name in names or (not names and launched and (drill or one.name != "drill"))
    ]
    doubts = list(catalogue.chosen(names, launched=launched))
    needing = [*(one.name for one in doubts if one.needs_launch), *(one.name for one in scenarios)]
    if not launched and needing:
        raise WrongUseError(f"{', '.join(needing)} needs a launch: read its toolsrc first")
    return Plan(doubts, scenarios)


def label(text: str) -> str:
    """Return the operator's part of the names, if nobody can take it for something else's.

    Raises:
        WrongUseError: it could be.
    """
    if not LABEL.fullmatch(text):
        raise WrongUseError("--label is one to twelve small letters and digits")
    if found := [word for word in PRODUCTION if word in text]:
        raise WrongUseError(f"--label looks like something in use: {found[0]}")
    return text


def regions_of(options: argparse.Namespace) -> Regions:
    """Return the two Regions and the account that were named."""
    primary = options.primary or os.environ.get("PRIMARY_REGION", "")
    secondary = options.secondary or os.environ.get("SECONDARY_REGION", "")
    if not options.account or not primary or not secondary or primary == secondary:
        raise WrongUseError("name the account and two Regions: --account 123456789012 --primary R --secondary S")
    return Regions(options.account, primary, secondary)


def confirmed_account(regions: Regions, clients: Clients) -> None:
    """Have AWS say that the credentials are of the account that was named.

    Raises:
        WrongUseError: they are of another one.
    """
    account = clients("sts", regions.primary).get_caller_identity()["Account"]
    if account != regions.account:
        raise WrongUseError(f"the credentials are of account {account}, not of {regions.account}; nothing was done")


def _clean(options: argparse.Namespace, _ask: Callable[[str], str], connect: Connect) -> int:
    path = options.clean
    if not path.name.startswith(PREFIX) or not path.exists():
        raise WrongUseError(f"{path} is no journal of a run")
    budget, regions = CallBudget(0), regions_of(options)
    clients = connect(options, budget)
    with budget.removing():
        confirmed_account(regions, clients)
        account = Account(regions, path.stem, clients, Journal(path), until)
        left = Removal(clients, until).remove(everywhere(account))
    for made, reason in left.items():
        print(f"left       {made}: {reason}")
    print(f"{len(account.journal.made())} resources were made, {len(left)} may be left")
    return int(bool(left))


def _clients(options: argparse.Namespace, budget: CallBudget) -> Clients:
    lock = threading.Lock()
    session = boto3.Session(profile_name=options.profile)
    config = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=20)

    @cache
    def made(service: str, region: str) -> Any:
        client = session.client(service, region_name=region, endpoint_url=options.endpoint_url, config=config)
        budget.watch(client)
        return client

    def client(service: str, region: str) -> Any:
        with lock:
            return made(service, region)

    return client


def _environ(options: argparse.Namespace) -> dict[str, str]:
    given = {"AWS_PROFILE": options.profile, "AWS_ENDPOINT_URL": options.endpoint_url}
    return {name: value for name, value in given.items() if value}


def _authority() -> Path | None:
    named = os.environ.get("SSL_CERT_FILE")
    return Path(named) if named else None


def _tell_plan(plan: Plan, options: argparse.Namespace, name: str) -> None:
    for doubt in plan.doubts:
        print(f"  {doubt.name}: {doubt.believed}")
    for scenario in plan.scenarios:
        print(f"  {scenario.name}: {scenario.holds}")
    print(f"{len(plan.doubts)} probes, {len(plan.scenarios)} scenarios; names begin with {name}")
    print(f"at most {min(plan.calls, options.budget):,} requests (--budget), about {plan.dollars:.2f} dollars")


def _write(path: Path, result: Any, budget: CallBudget) -> None:
    findings = {name: {"verdict": one.verdict, "seen": one.seen} for name, one in result.findings.items()}
    left = {str(made): reason for made, reason in result.left.items()}
    text = json.dumps({"requests": budget.used, "findings": findings, "left": left}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.real_account", description=__doc__)
    parser.add_argument("--account", default="", help="the account's number; must be that of the credentials")
    parser.add_argument("--primary", default="", help="the primary Region; else PRIMARY_REGION of a toolsrc")
    parser.add_argument("--secondary", default="", help="the secondary Region; else SECONDARY_REGION of a toolsrc")
    parser.add_argument("--profile", help="credentials of ~/.aws")
    parser.add_argument("--label", default="try", help="the second part of all names, after iot-dr-e2e-")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this probe or scenario; repeat it")
    parser.add_argument("--drill", action="store_true", help="also rehearse a failover, if the fleet has a name")
    parser.add_argument("--budget", type=int, default=3000, metavar="N", help="requests after which it stops")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--list", action="store_true", help="show what would be tried, and its cost; ask AWS nothing")
    parser.add_argument("--clean", type=Path, metavar="JOURNAL", help="remove what a killed run has left")
    parser.add_argument("--endpoint-url", metavar="URL", help="an endpoint that is not AWS's, such as the lab's")
    parser.add_argument("--page", action="store_true", help="write the lists of docs/real-account.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
