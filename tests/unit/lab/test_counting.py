"""Which AWS call a request is, and what the proxy does with it."""

import urllib.error
import urllib.request
from collections import Counter

import pytest

from lab.counting import Answer, Call, CountingProxy, Refusal, Reset, identify


def signed(service: str, region: str, **headers: str) -> dict[str, str | None]:
    scope = f"AWS4-HMAC-SHA256 Credential=AKIA/20260101/{region}/{service}/aws4_request, SignedHeaders=host"
    return {"authorization": scope, **{name.replace("_", "-"): value for name, value in headers.items()}}


@pytest.mark.parametrize(
    ("line", "operation"),
    [
        ("GET /things/pump-17 HTTP/1.1", "DescribeThing"),
        ("GET /things HTTP/1.1", "ListThings"),
        ("GET /things/pump-17/principals HTTP/1.1", "ListThingPrincipals"),
        ("PUT /things/pump-17/principals HTTP/1.1", "AttachThingPrincipal"),
        ("POST /certificate/register-no-ca HTTP/1.1", "RegisterCertificateWithoutCA"),
        ("PUT /certificates/0af3?newStatus=INACTIVE HTTP/1.1", "UpdateCertificate"),
        (
            "POST /attached-policies/arn%3Aaws%3Aiot%3Aus-east-1%3A1%3Acert%2F0af3?recursive=false HTTP/1.1",
            "ListAttachedPolicies",
        ),
        ("PUT /target-policies/device HTTP/1.1", "AttachPolicy"),
        ("POST /target-policies/device HTTP/1.1", "DetachPolicy"),
        ("POST /policies/device/version?setAsDefault=true HTTP/1.1", "CreatePolicyVersion"),
    ],
)
def test_a_rest_call_is_told_by_method_and_path(line: str, operation: str) -> None:
    assert identify(line, signed("iot", "us-west-2"), b"") == Call("iot", operation, "us-west-2")


def test_a_json_call_is_told_by_its_target() -> None:
    headers = signed("dynamodb", "us-west-2", x_amz_target="DynamoDB_20120810.UpdateItem")
    assert identify("POST / HTTP/1.1", headers, b"{}") == Call("dynamodb", "UpdateItem", "us-west-2")


def test_a_query_call_is_told_by_its_action() -> None:
    headers = signed("sts", "us-east-1", content_type="application/x-www-form-urlencoded; charset=utf-8")
    assert identify("POST / HTTP/1.1", headers, b"Action=AssumeRole&Version=2011-06-15").operation == "AssumeRole"


def test_an_unsigned_request_is_counted_by_its_path() -> None:
    assert identify("GET /health HTTP/1.1", {}, b"") == Call("", "GET /health", "")


def put_item(proxy: CountingProxy) -> bytes:
    headers = signed("dynamodb", "us-west-2", x_amz_target="DynamoDB_20120810.PutItem")
    request = urllib.request.Request(
        proxy.endpoint_url, b"{}", {name: value for name, value in headers.items() if value}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        body: bytes = answer.read()
        return body


def test_calls_are_forwarded_with_their_host_and_counted(proxy: CountingProxy) -> None:
    assert [put_item(proxy), put_item(proxy)] == [f"127.0.0.1:{proxy.port} {{}}".encode()] * 2
    assert proxy.counts() == {Call("dynamodb", "PutItem", "us-west-2"): 2}
    proxy.reset()
    assert not proxy.counts()


def test_a_call_can_be_refused_with_an_error_of_awss(proxy: CountingProxy) -> None:
    proxy.intercept = lambda call: Refusal(429, "ThrottlingException") if call.region == "us-west-2" else None
    with pytest.raises(urllib.error.HTTPError) as refused:
        put_item(proxy)
    with refused.value as answer:
        assert (answer.code, answer.headers["x-amzn-ErrorType"]) == (429, "ThrottlingException")


def test_a_connection_can_be_reset(proxy: CountingProxy) -> None:
    proxy.intercept = lambda _: Reset()
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        put_item(proxy)


def test_a_call_can_be_answered_in_the_emulators_place(proxy: CountingProxy, served: Counter[str]) -> None:
    proxy.intercept = lambda _: Answer('{"things": []}')
    assert put_item(proxy) == b'{"things": []}'
    assert not served
