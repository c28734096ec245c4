"""A key of the customer's own: every store takes it, and whoever reads or writes a store may use it."""

import pytest

from tests.unit.templates.resolving import ACCOUNT, PRIMARY, SECONDARY
from tests.unit.templates.stacks import Stack, make_stacks

KEY = "mrk-0123456789abcdef0123456789abcdef"
LAUNCHED = ("primary", "secondary", "health checker")
STORES = {"dynamodb", "s3", "secretsmanager", "sqs"}


def arn(region: str) -> str:
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/{KEY}"


@pytest.fixture(scope="module")
def with_key() -> dict[str, Stack]:
    return make_stacks({"KmsKeyId": KEY, "ProvisioningTemplate": "pumps"})


@pytest.mark.parametrize("name", LAUNCHED)
def test_every_queue_log_group_and_secret_is_encrypted_with_the_key(name: str, with_key: dict[str, Stack]) -> None:
    stack, own = with_key[name], arn(with_key[name].resolve.region)

    for title in stack.of_type("AWS::SQS::Queue"):
        assert stack.properties(title)["KmsMasterKeyId"] == KEY, title
        assert stack.properties(title)["SqsManagedSseEnabled"] is False, "SQS takes one kind of encryption"
    for title in stack.of_type("AWS::SecretsManager::Secret"):
        assert stack.properties(title)["KmsKeyId"] == KEY, title
    for title in stack.of_type("AWS::Logs::LogGroup"):
        assert stack.properties(title)["KmsKeyId"] == own, "CloudWatch Logs takes an ARN alone"


@pytest.mark.parametrize("name", LAUNCHED)
def test_every_bucket_is_encrypted_with_the_key(name: str, with_key: dict[str, Stack]) -> None:
    stack = with_key[name]

    for title in stack.of_type("AWS::S3::Bucket"):
        (rule,) = stack.properties(title)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}


def test_each_replica_of_a_global_table_has_the_key_that_has_one_id_in_both_regions(with_key: dict[str, Stack]) -> None:
    stack = with_key["primary"]

    for title in stack.of_type("AWS::DynamoDB::GlobalTable"):
        replicas = stack.properties(title)["Replicas"]
        assert {replica["Region"]: replica["SSESpecification"]["KMSMasterKeyId"] for replica in replicas} == {
            PRIMARY: KEY,
            SECONDARY: KEY,
        }


def test_the_ledger_is_encrypted_with_the_key(with_key: dict[str, Stack]) -> None:
    assert with_key["secondary"].properties("LedgerTable")["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": KEY,
    }


@pytest.mark.parametrize("name", LAUNCHED)
def test_who_reads_or_writes_a_store_may_use_the_key_through_it_and_nobody_else(
    name: str, with_key: dict[str, Stack]
) -> None:
    stack = with_key[name]
    policy, region = stack.properties("UseKeyPolicy"), stack.resolve.region
    (statement,) = policy["PolicyDocument"]["Statement"]

    users = {
        stack.resolve.name(role)
        for role in stack.of_type("AWS::IAM::Role")
        if STORES & {action.partition(":")[0] for one in stack.statements(role) for action in one["Action"]}
    }
    assert set(policy["Roles"]) == users
    assert statement["Resource"] == [arn(region)]
    through = {f"{service}.*" for service in STORES}
    assert set(statement["Condition"]["StringLike"]["kms:ViaService"]) == through


@pytest.mark.parametrize("name", LAUNCHED)
def test_without_a_key_the_stores_take_those_of_aws(name: str, stacks: dict[str, Stack]) -> None:
    stack = stacks[name]

    assert stack.template["Resources"]["UseKeyPolicy"]["Condition"] == "HasOwnKey"
    assert not stack.resolve.holds("HasOwnKey")
    for title in stack.of_type("AWS::Logs::LogGroup", "AWS::SecretsManager::Secret", "AWS::SQS::Queue"):
        assert not stack.properties(title).keys() & {"KmsKeyId", "KmsMasterKeyId"}, title


def test_the_sweep_may_read_the_primarys_table_with_the_keys_replica_there(with_key: dict[str, Stack]) -> None:
    stack = with_key["secondary"]
    policy = stack.properties("UsePrimaryKeyPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]

    assert policy["Roles"] == [stack.resolve.name("SweepRegistryRole")]
    assert (statement["Action"], statement["Resource"]) == (["kms:Decrypt"], [arn(PRIMARY)])
    assert statement["Condition"]["StringLike"] == {"kms:ViaService": ["dynamodb.*"]}
