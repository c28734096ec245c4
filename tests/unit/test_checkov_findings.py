"""What fails when checkov's findings, the list of accepted ones and the page's figures do not agree."""

import tomllib

import pytest

from tests.checkov_findings import ACCEPTED, PAGE, Finding, Found, accepted_findings, complaints

BUCKET = Finding("CKV_AWS_18", "AWS::S3::Bucket.WorkBucket", "primary.template")
PAGE_OF_ONE = "checkov: 7 checks\npassed, 1 failed, each accepted"


def test_what_is_accepted_and_told_is_no_complaint() -> None:
    assert complaints(Found(7, (BUCKET,)), {"CKV_AWS_18": ["AWS::S3::*"]}, PAGE_OF_ONE) == []


@pytest.mark.parametrize("accepted", [{}, {"CKV_AWS_18": ["AWS::S3::Bucket.Other"]}, {"CKV_AWS_21": ["AWS::S3::*"]}])
def test_a_finding_that_is_not_accepted_is_named(accepted: dict[str, list[str]]) -> None:
    lines = complaints(Found(7, (BUCKET,)), accepted, PAGE_OF_ONE)

    assert "CKV_AWS_18: AWS::S3::Bucket.WorkBucket in primary.template" in lines


def test_what_is_accepted_for_nothing_is_named() -> None:
    (line,) = complaints(Found(7, (BUCKET,)), {"CKV_AWS_18": ["*"], "CKV_AWS_19": ["*"]}, PAGE_OF_ONE)

    assert line.startswith("CKV_AWS_19 is not found any more")


@pytest.mark.parametrize("page", ["", "checkov: 8 checks passed, 1 failed", "checkov: 7 checks passed, 2 failed"])
def test_figures_of_another_run_are_named(page: str) -> None:
    (line,) = complaints(Found(7, (BUCKET,)), {"CKV_AWS_18": ["*"]}, page)

    assert line.startswith('SECURITY.md must say "checkov: 7 checks passed, 1 failed"')


def test_every_accepted_finding_has_its_reason() -> None:
    entries = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))

    assert all(entry["reason"].strip() and entry["finds"] and entry["resources"] for entry in entries.values())
    assert accepted_findings().keys() == entries.keys()


def test_the_page_states_the_figures() -> None:
    assert "checkov: " in " ".join(PAGE.read_text(encoding="utf-8").split())
