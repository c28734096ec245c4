"""Log lines are JSON, so that a query finds them by their facts."""

import json

import pytest

from iot_dr.observability.logs import logger


def test_a_line_carries_its_facts_and_the_services_name(capsys: pytest.CaptureFixture[str]) -> None:
    logger("worker-of-a-test").info("checked", extra={"resource": "thing#pump-17"})

    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["resource"], line["service"]) == ("checked", "thing#pump-17", "worker-of-a-test")
    assert line["level"] == "INFO"
