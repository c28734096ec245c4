from urllib.parse import parse_qs, urlsplit

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.distribution import Distribution, console_host, digests_of, distribution_of, quick_create_link

RELEASE = Distribution("acme-iot-dr", "disaster-recovery-for-aws-iot", "v1.2.3")


def test_templates_and_code_have_a_bucket_each_and_one_way_to_name_keys() -> None:
    assert RELEASE.reference_bucket == "acme-iot-dr-reference"
    assert RELEASE.code_bucket("us-east-1") == "acme-iot-dr-us-east-1"
    assert RELEASE.key("iot_dr_layer.zip") == "disaster-recovery-for-aws-iot/v1.2.3/iot_dr_layer.zip"


def test_the_longest_prefix_makes_a_bucket_name_that_s3_admits_in_every_region() -> None:
    longest = Distribution("a" * 48, "name", "v0.0.1")

    assert len(longest.code_bucket("ap-northeast-1")) == 63


@pytest.mark.parametrize(
    "prefix", ["", "ab", "a" * 49, "A-b-c", "a.b.c", "a_b_c", "-abc", "abc-", "sthree-abc", "abc\n"]
)
def test_a_prefix_that_s3_would_refuse_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match=r"prefix|S3 keeps names"):
        Distribution(prefix, "name", "v1.0.0")


@pytest.mark.parametrize(
    "version", ["", "1.0.0", "v1", "v1.0", "v1.0.0.0", "v01.0.0", "v1.0.0-rc1", "V1.0.0", "v1.0.0\n"]
)
def test_a_version_is_three_numbers_after_a_v(version: str) -> None:
    with pytest.raises(ConfigurationError, match=r"vX\.Y\.Z"):
        Distribution("abc", "name", version)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "-a", "a" * 65, "ä"])
def test_a_solution_name_needs_no_escape_in_a_key(name: str) -> None:
    with pytest.raises(ConfigurationError, match="solution name"):
        Distribution("abc", name, "v1.0.0")


def test_the_quick_create_link_opens_the_form_in_its_region_filled_in() -> None:
    url = "https://acme-reference.s3.eu-west-1.amazonaws.com/name/v1.0.0/main.template"

    link = urlsplit(quick_create_link("eu-west-1", url, "iot-dr", {"PrimaryRegion": "eu-west-1"}))

    assert (link.hostname, link.query) == ("eu-west-1.console.aws.amazon.com", "region=eu-west-1")
    path, _, query = link.fragment.partition("?")
    assert path == "/stacks/create/review"
    assert parse_qs(query) == {"templateURL": [url], "stackName": ["iot-dr"], "param_PrimaryRegion": ["eu-west-1"]}


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_own_console(region: str, host: str) -> None:
    assert console_host(region) == host


def test_digests_are_read_as_sha256sum_writes_them() -> None:
    one, other = "a" * 64, "0" * 64

    assert digests_of(f"{one}  a.zip\n{other}  b.zip\n") == {"a.zip": one, "b.zip": other}
    assert digests_of(f"{one}  a.zip {other}  b.zip") == {"a.zip": one, "b.zip": other}


@pytest.mark.parametrize("text", ["a.zip", f"{'a' * 63} a.zip", f"{'A' * 64} a.zip", f"{'a' * 64} a.zip {'b' * 64}"])
def test_digests_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="RELEASE_SHA256"):
        digests_of(text)


def test_a_distribution_is_known_by_the_bucket_of_its_templates() -> None:
    assert distribution_of("acme-iot-dr-reference", RELEASE.solution_name, RELEASE.version) == RELEASE
    with pytest.raises(ConfigurationError, match="BUCKET_RESOURCES"):
        distribution_of("acme-iot-dr-us-east-1", RELEASE.solution_name, RELEASE.version)
