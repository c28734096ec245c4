"""How a build is started, and how what is left is named."""

from dataclasses import dataclass, field

from iot_dr.errors import AccessDenied
from iot_dr.model.launch.launches import Launch, LaunchResource, LaunchResourceKind
from iot_dr.model.regions import RegionPair
from iot_dr.services.launch.start_launch import describe, leftovers

ORDER = Launch(RegionPair("us-east-1", "us-west-2"), "20261124120000", "5f0c2a12-0000-0000-0000-000000000000")


@dataclass
class Remains:
    """What exists, in memory."""

    there: set[str] = field(default_factory=set)
    denied: bool = False

    def exists(self, resource: LaunchResource) -> bool:
        if self.denied:
            raise AccessDenied("no")
        return str(resource) in self.there


def test_nothing_left_is_said_so() -> None:
    assert describe(leftovers(ORDER, Remains())) == "Nothing of this launch is left."


def test_what_is_left_is_named_with_the_command_that_removes_it() -> None:
    remains = Remains({"stack IoTDRPrimary20261124120000 in us-east-1"})

    assert describe(leftovers(ORDER, remains)) == (
        "Still there; remove in this order: (1) stack IoTDRPrimary20261124120000 in us-east-1: "
        "for r in us-east-1 us-west-2; do for t in $(aws dynamodb list-tables --region $r "
        "--query \"TableNames[?contains(@,'20261124120000')]\" --output text); do "
        "aws dynamodb update-table --no-deletion-protection-enabled --region $r --table-name $t; done; done; "
        "aws cloudformation update-termination-protection --no-enable-termination-protection "
        "--stack-name IoTDRPrimary20261124120000 --region us-east-1; "
        "aws cloudformation delete-stack --stack-name IoTDRPrimary20261124120000 --region us-east-1"
    )


def test_the_ledger_is_unprotected_before_its_stack_goes() -> None:
    told = describe(leftovers(ORDER, Remains({"stack IoTDRSecondary20261124120000 in us-west-2"})))

    assert "for r in us-west-2; do" in told
    assert told.index("--no-deletion-protection-enabled") < told.index("delete-stack")


def test_a_health_checkers_stack_has_no_tables_to_unprotect() -> None:
    told = describe(leftovers(ORDER, Remains({"stack R53HealthChecker20261124120000 in us-west-2"})))

    assert "dynamodb" not in told


def test_all_that_a_launch_makes_is_looked_for_in_both_regions() -> None:
    remains = Remains({str(resource) for resource in ORDER.resources})

    found = leftovers(ORDER, remains)

    assert [(leftover.resource.kind, leftover.resource.region) for leftover in found] == [
        (LaunchResourceKind.STACK, "us-west-2"),
        (LaunchResourceKind.STACK, "us-east-1"),
        (LaunchResourceKind.STACK, "us-west-2"),
        (LaunchResourceKind.STACK, "us-east-1"),
        (LaunchResourceKind.BUCKET, "us-west-2"),
        (LaunchResourceKind.BUCKET, "us-east-1"),
    ]


def test_a_table_that_goes_with_its_stack_is_not_named_twice() -> None:
    table = "table IoTDRGlobalTable20261124120000 in us-east-1"

    with_stack = leftovers(ORDER, Remains({table, "stack IoTDRPrimary20261124120000 in us-east-1"}))
    alone = leftovers(ORDER, Remains({table}))

    assert table not in [str(leftover.resource) for leftover in with_stack]
    assert table in [str(leftover.resource) for leftover in alone]


def test_a_table_that_is_left_is_unprotected_before_it_is_deleted() -> None:
    (alone,) = leftovers(ORDER, Remains({"table IoTDRGlobalTable20261124120000 in us-east-1"}))

    assert alone.removal == (
        "aws dynamodb update-table --no-deletion-protection-enabled "
        "--table-name IoTDRGlobalTable20261124120000 --region us-east-1; "
        "aws dynamodb delete-table --table-name IoTDRGlobalTable20261124120000 --region us-east-1"
    )


def test_what_could_not_be_checked_is_named_too() -> None:
    found = leftovers(ORDER, Remains(denied=True))

    assert "could not check: AccessDenied" in describe(found)
    assert len(found) == len(ORDER.resources)


def test_the_longest_list_fits_cloudformations_answer() -> None:
    assert len(describe(leftovers(ORDER, Remains(denied=True)))) < 3650
