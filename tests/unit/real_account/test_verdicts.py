"""A probe says of an AWS that answers otherwise that what was believed is refuted."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.fleet import make_identity
from tests.real_account import certificates, launches, shadows
from tests.real_account.account import Account, Regions
from tests.real_account.made import PREFIX, Journal, Kind
from tests.real_account.shadows import digits

REGIONS = Regions("123456789012", "eu-west-1", "eu-central-1")
ISSUED = make_identity("issued")


class Aws:
    """Answers each call with what a test says, and keeps the calls."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, _service: str, _region: str) -> Aws:
        return self

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.asked.append((operation, request))
            answer = self._answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def account(tmp_path: Path, aws: Aws, **settings: str) -> Account:
    journal = Journal(tmp_path / "run.jsonl")
    return Account(REGIONS, f"{PREFIX}try", aws, journal, lambda request, _: request(), settings)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "RegisterCertificateWithoutCA")


def issued(**there: Any) -> Aws:
    here = {"certificateId": ISSUED.certificate_id, "certificatePem": ISSUED.certificate_pem}
    return Aws(create_keys_and_certificate=here, **there)


@pytest.mark.parametrize(
    ("there", "verdict"),
    [
        ({"certificateId": ISSUED.certificate_id}, "confirmed"),
        ({"certificateId": "f" * 64}, "refuted"),
        (refused("CertificateValidationException"), "refuted"),
    ],
)
def test_a_certificate_crosses_only_under_the_same_id(tmp_path: Path, there: Any, verdict: str) -> None:
    mine = account(tmp_path, issued(register_certificate_without_ca=there))

    assert certificates.crosses(mine).verdict == verdict

    assert [(made.kind, made.region) for made in mine.journal.made()] == [
        (Kind.CERTIFICATE, REGIONS.primary),
        (Kind.CERTIFICATE, REGIONS.secondary),
    ]


@pytest.mark.parametrize(("mode", "verdict"), [("SNI_ONLY", "confirmed"), ("DEFAULT", "refuted")])
def test_the_mode_of_a_certificate_is_what_aws_tells(tmp_path: Path, mode: str, verdict: str) -> None:
    aws = Aws(
        register_certificate_without_ca={"certificateArn": "arn"},
        describe_certificate={"certificateDescription": {"certificateMode": mode}},
    )

    assert certificates.wants_sni(account(tmp_path, aws)).verdict == verdict


@pytest.mark.parametrize(("read", "verdict"), [("9007199254740993", "confirmed"), ("9007199254740992", "refuted")])
def test_one_lost_digit_refutes_that_digits_are_kept(tmp_path: Path, read: str, verdict: str) -> None:
    state = ",".join(f'"n{place}":{number}' for place, number in enumerate(shadows.NUMBERS))
    text = f'{{"state":{{"reported":{{{state.replace("9007199254740993", read)}}}}}}}'

    class Shadow(Aws):
        def get_thing_shadow(self, **_request: Any) -> Any:
            return {"payload": io.BytesIO(text.encode())}

        def update_thing_shadow(self, **_request: Any) -> Any:
            return {"payload": io.BytesIO(json.dumps({"version": 1}).encode())}

    assert shadows.keeps_digits(account(tmp_path, Shadow())).verdict == verdict


def test_another_way_to_write_the_exponent_loses_no_digit() -> None:
    assert digits("1e22") == digits("1e+22")
    assert digits("10.0") != digits("10")


@pytest.mark.parametrize(("metrics", "verdict"), [([{}], "confirmed"), ([], "refuted")])
def test_usage_is_counted_if_there_is_a_metric(tmp_path: Path, metrics: list[Any], verdict: str) -> None:
    assert launches.counts_calls(account(tmp_path, Aws(list_metrics={"Metrics": metrics}))).verdict == verdict
