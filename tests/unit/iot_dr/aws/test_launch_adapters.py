"""A launch's smaller adapters against the SDK's stub: replicas, templates, builds, settings of a Region."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.launch.builds import CodeBuildStarter
from iot_dr.aws.launch.checks import IotRegionSettings
from iot_dr.aws.launch.files import S3BuildSource, S3PublishedFiles, S3PublishedTemplates, S3ToolsBucket
from iot_dr.aws.launch.leftovers import RegionalLeftovers
from iot_dr.aws.launch.tables import DynamoDbGlobalTables
from iot_dr.aws.waiting import wait_until
from iot_dr.errors import AccessDenied, ConfigurationError, LaunchFailed, LimitExceeded, Throttled
from iot_dr.model.launch.launches import LaunchResource, LaunchResourceKind, UnreadableValue

ROOT = Path(__file__).resolve().parents[4]
STREAM = "arn:aws:dynamodb:us-west-2:111122223333:table/t/stream/1"


def stubbed(service: str, region: str = "us-east-1") -> tuple[Any, Stubber]:
    client = boto3.client(service, region_name=region)
    stub = Stubber(client)
    stub.activate()
    return client, stub


def table(status: str, replicas: dict[str, str] | None = None, stream: str = "") -> dict[str, Any]:
    description: dict[str, Any] = {
        "TableStatus": status,
        "Replicas": [{"RegionName": name, "ReplicaStatus": state} for name, state in (replicas or {}).items()],
    }
    return {"Table": description | ({"LatestStreamArn": stream} if stream else {})}


class Tables:
    """A table seen from two Regions."""

    def __init__(self) -> None:
        self.here, self._here = stubbed("dynamodb")
        self.there, self._there = stubbed("dynamodb", "us-west-2")

    def sees(self, status: str, **replicas: str) -> None:
        named = {name.replace("_", "-"): state for name, state in replicas.items()}
        self._here.add_response("describe_table", table(status, named), {"TableName": "t"})

    def replica(self, status: str, stream: str = "") -> None:
        self._there.add_response("describe_table", table(status, stream=stream), {"TableName": "t"})

    def absent(self) -> None:
        self._here.add_client_error("describe_table", "ResourceNotFoundException")

    def stream(self) -> str:
        clients = {"us-east-1": self.here, "us-west-2": self.there}
        return DynamoDbGlobalTables(lambda _service, region: clients[region], delay=0).replica_stream(
            "t", "us-east-1", "us-west-2"
        )


def test_the_stream_is_told_once_the_replica_is_active_on_both_sides() -> None:
    tables = Tables()
    tables.sees("UPDATING", us_west_2="CREATING")
    tables.sees("ACTIVE", us_west_2="ACTIVE")
    tables.replica("CREATING")
    tables.sees("ACTIVE", us_west_2="ACTIVE")
    tables.replica("ACTIVE", STREAM)

    assert tables.stream() == STREAM


def test_a_table_without_the_replica_fails_at_once() -> None:
    tables = Tables()
    tables.sees("ACTIVE", eu_west_1="ACTIVE")

    with pytest.raises(LaunchFailed, match="no replica in us-west-2"):
        tables.stream()


def test_a_table_that_is_not_there_fails_at_once() -> None:
    tables = Tables()
    tables.absent()

    with pytest.raises(LaunchFailed, match="does not exist"):
        tables.stream()


def test_waiting_ends_with_the_mend_when_the_time_is_over() -> None:
    with pytest.raises(LaunchFailed, match=r"stack x was not done .* same STACK_POSTFIX"):
        wait_until("stack x", lambda: False, delay=0.001, seconds=0.003)


def test_a_request_that_fails_for_a_passing_reason_is_repeated() -> None:
    requests: Iterator[Throttled | bool] = iter([Throttled("slow down"), False, True])

    def request() -> bool:
        answer = next(requests)
        if isinstance(answer, Throttled):
            raise answer
        return answer

    wait_until("stack x", request, delay=0)

    assert list(requests) == []


@pytest.mark.parametrize("protected", [True, False])
def test_a_table_is_protected_once(protected: bool) -> None:
    client, stub = stubbed("dynamodb")
    table = {"TableName": "table", "DeletionProtectionEnabled": protected}
    stub.add_response("describe_table", {"Table": table}, {"TableName": "table"})
    if not protected:
        stub.add_response("update_table", {}, {"TableName": "table", "DeletionProtectionEnabled": True})

    DynamoDbGlobalTables(lambda _service, _region: client).protect("table", "us-east-1")

    stub.assert_no_pending_responses()


def test_a_table_that_is_not_there_is_not_taken_for_protected() -> None:
    client, stub = stubbed("dynamodb")
    stub.add_client_error("describe_table", "ResourceNotFoundException", "no")

    with pytest.raises(LaunchFailed, match="table table does not exist in us-east-1"):
        DynamoDbGlobalTables(lambda _service, _region: client).protect("table", "us-east-1")


def published(stub: Callable[[Stubber], None]) -> str:
    client, stubber = stubbed("s3")
    stub(stubber)
    return S3PublishedTemplates("p-reference", "drs/v1.0.0", "us-east-1", lambda _service, _region: client).url(
        "a.json"
    )


def test_a_published_template_is_given_by_its_virtual_hosted_url() -> None:
    def stub(stubber: Stubber) -> None:
        stubber.add_response("head_bucket", {"BucketRegion": "us-east-1"}, {"Bucket": "p-reference"})
        stubber.add_response("head_object", {}, {"Bucket": "p-reference", "Key": "drs/v1.0.0/a.json"})

    assert published(stub) == "https://p-reference.s3.us-east-1.amazonaws.com/drs/v1.0.0/a.json"


@pytest.mark.parametrize(
    ("code", "status", "part"),
    [("404", 404, "does not exist; publish this version first"), ("403", 403, "belongs to another account")],
)
def test_a_bucket_that_cannot_be_read_is_told_with_the_mend(code: str, status: int, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        published(lambda stubber: stubber.add_client_error("head_bucket", code, http_status_code=status))


def test_a_template_that_is_not_published_is_told_with_the_mend() -> None:
    def stub(stubber: Stubber) -> None:
        stubber.add_response("head_bucket", {})
        stubber.add_client_error("head_object", "404", http_status_code=404)

    with pytest.raises(ConfigurationError, match=r"s3://p-reference/drs/v1\.0\.0/a\.json does not exist"):
        published(stub)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"ChecksumSHA256": "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="}, "aa" * 32),
        ({"ChecksumSHA256": "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=-2"}, ""),
        ({"ChecksumCRC64NVME": "qqqqqqqqqqo="}, ""),
    ],
)
def test_a_published_file_has_the_digest_that_s3_made_of_it_as_a_whole(answer: dict[str, str], found: str) -> None:
    client, stub = stubbed("s3")
    stub.add_response("head_object", answer, {"Bucket": "b", "Key": "k", "ChecksumMode": "ENABLED"})

    assert S3PublishedFiles(lambda _service, _region: client).sha256("us-east-1", "b", "k") == found


def test_a_published_file_that_is_not_there_and_one_that_is_closed_are_told_apart() -> None:
    client, stub = stubbed("s3")
    stub.add_client_error("head_object", "404", http_status_code=404)
    stub.add_client_error("head_object", "403", http_status_code=403)
    files = S3PublishedFiles(lambda _service, _region: client)

    assert files.sha256("us-east-1", "b", "k") is None
    assert isinstance(files.sha256("us-east-1", "b", "k"), UnreadableValue)


def test_the_newest_version_of_the_builds_source_is_told_with_its_digest() -> None:
    client, stub = stubbed("s3")
    asked = {"Bucket": "b", "Key": "k", "ChecksumMode": "ENABLED"}
    digest = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="
    stub.add_response("head_object", {"ChecksumSHA256": digest, "VersionId": "7"}, asked)
    stub.add_client_error("head_object", "404", http_status_code=404)

    assert S3BuildSource(client).newest("b", "k") == ("aa" * 32, "7")
    assert S3BuildSource(client).newest("b", "k") == ("", "")


def test_the_tools_settings_are_written_as_text() -> None:
    client, stub = stubbed("s3")
    expected = {"Bucket": "b", "Key": "k", "Body": b"x", "ContentType": "text/plain; charset=utf-8"}
    stub.add_response("put_object", {}, expected)

    S3ToolsBucket(lambda _service, _region: client).put("us-east-1", "b", "k", "x")

    stub.assert_no_pending_responses()


def test_a_build_gets_its_variables_and_a_token_that_starts_none_twice() -> None:
    client, stub = stubbed("codebuild")
    stub.add_response(
        "start_build",
        {"build": {"id": "p:1"}},
        {
            "projectName": "p",
            "idempotencyToken": "t",
            "sourceVersion": "version-7",
            "environmentVariablesOverride": [{"name": "UUID", "value": "5f0c2a", "type": "PLAINTEXT"}],
        },
    )

    assert CodeBuildStarter(client).start("p", {"UUID": "5f0c2a"}, "t", "version-7") == "p:1"


def test_an_account_without_builds_is_told_both_ways_out() -> None:
    client, stub = stubbed("codebuild")
    answer = "Cannot have more than 0 builds in queue for the account"
    stub.add_client_error("start_build", "AccountLimitExceededException", answer)

    with pytest.raises(LimitExceeded) as caught:
        CodeBuildStarter(client).start("p", {}, "t", "")

    for part in (answer, "AWS Support", "docs/operations/launch.md, Launch from a shell"):
        assert part in str(caught.value)
    assert "## Launch from a shell" in (ROOT / "docs" / "operations" / "launch.md").read_text(encoding="utf-8")


def test_another_refusal_of_a_build_keeps_awss_words() -> None:
    client, stub = stubbed("codebuild")
    stub.add_client_error("start_build", "AccessDeniedException", "not authorized")

    with pytest.raises(AccessDenied, match="not authorized"):
        CodeBuildStarter(client).start("p", {}, "t", "")


def test_a_region_is_read_with_what_it_refuses_beside_what_it_tells() -> None:
    client, stub = stubbed("iot")
    functions, stub_of_functions = stubbed("lambda")
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}
    stub_of_functions.add_response("get_account_settings", {"AccountLimit": limit})
    stub.add_response("describe_endpoint", {"endpointAddress": "a-ats.iot"}, {"endpointType": "iot:Data-ATS"})
    stub.add_response(
        "describe_event_configurations",
        {"eventConfigurations": {"THING": {"Enabled": True}, "JOB": {"Enabled": False}}},
    )
    stub.add_client_error("get_indexing_configuration", "UnauthorizedException", "no", 401)

    state = IotRegionSettings(lambda service, _region: {"iot": client, "lambda": functions}[service]).read("us-east-1")

    assert (state.endpoint, state.enabled_events) == ("a-ats.iot", frozenset({"THING"}))
    assert isinstance(state.indexing_mode, UnreadableValue)
    assert state.concurrency == 900


def test_the_sdk_knows_regions_with_iot_core_in_every_partition() -> None:
    assert {"us-east-1", "cn-north-1", "us-gov-west-1"} <= IotRegionSettings().supported()


@pytest.mark.parametrize(
    ("kind", "service", "operation", "code"),
    [
        (LaunchResourceKind.TABLE, "dynamodb", "describe_table", "ResourceNotFoundException"),
        (LaunchResourceKind.BUCKET, "s3", "head_bucket", "404"),
    ],
)
def test_only_awss_word_makes_a_remainder_gone(
    kind: LaunchResourceKind, service: str, operation: str, code: str
) -> None:
    client, stub = stubbed(service)
    stub.add_response(operation, {})
    stub.add_client_error(operation, code, http_status_code=404)
    remains = RegionalLeftovers(lambda _service, _region: client)

    assert remains.exists(LaunchResource(kind, "us-east-1", "x-1"))
    assert not remains.exists(LaunchResource(kind, "us-east-1", "x-1"))
