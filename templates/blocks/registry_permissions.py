"""Rights on the registry of AWS IoT, for one Region each.

Names of things, types, policies and certificate IDs are the fleet's, so resources end in `*`; what keeps a right small
is its action, its kind of resource and its Region.
"""

from __future__ import annotations

from typing import Any

from awacs import iot
from awacs.aws import Statement

from templates.blocks.permissions import allow, arn, in_regions


def _things(region: str) -> Any:
    return arn("iot", "thing/*", region)  # any thing of the fleet


def _types(region: str) -> Any:
    return arn("iot", "thingtype/*", region)  # any type of the fleet


def _certificates(region: str) -> Any:
    return arn("iot", "cert/*", region)  # any certificate of the fleet


def _policies(region: str) -> Any:
    return arn("iot", "policy/*", region)  # any policy of the fleet


def _groups(region: str) -> Any:
    return arn("iot", "thinggroup/*", region)  # any group of the fleet, static or dynamic


def _billing_groups(region: str) -> Any:
    return arn("iot", "billinggroup/*", region)  # any billing group of the fleet


LIST_THING_PRINCIPALS = [iot.ListThingPrincipals, iot.ListThingPrincipalsV2]
LIST_PRINCIPAL_THINGS = [iot.ListPrincipalThings, iot.ListPrincipalThingsV2]
"""Of the second versions, AWS's API reference says that they need the first ones' right; its list of actions has both.

https://docs.aws.amazon.com/iot/latest/apireference/API_ListThingPrincipalsV2.html
"""


def read_resources(whose: str, region: str, region_value: Any) -> list[Statement]:
    """Read single resources and what hangs on them."""
    return [
        allow(
            f"Read{whose}Things",
            [iot.DescribeThing, iot.ListThingGroupsForThing, *LIST_THING_PRINCIPALS],
            [_things(region)],
        ),
        allow(f"Read{whose}ThingTypes", [iot.DescribeThingType], [_types(region)]),
        allow(f"Read{whose}Groups", [iot.DescribeThingGroup, iot.ListThingsInThingGroup], [_groups(region)]),
        allow(
            f"Read{whose}BillingGroups",
            [iot.DescribeBillingGroup, iot.ListThingsInBillingGroup],
            [_billing_groups(region)],
        ),
        allow(f"Read{whose}Certificates", [iot.DescribeCertificate, *LIST_PRINCIPAL_THINGS], [_certificates(region)]),
        allow(f"Read{whose}Policies", [iot.GetPolicy], [_policies(region)]),
        read_tags(whose, region),
        allow(
            f"Read{whose}Attachments",
            [iot.ListAttachedPolicies],
            ["*"],  # ListAttachedPolicies knows no resource
            in_regions(region_value),
        ),
    ]


def _tagged(region: str) -> list[Any]:
    return [_types(region), _billing_groups(region), _policies(region), _groups(region)]


def read_tags(whose: str, region: str) -> Any:
    """Read the tags of what is replicated and has some."""
    return allow(f"Read{whose}Tags", [iot.ListTagsForResource], _tagged(region))


def read_attachments(whose: str, region: str, region_value: Any) -> list[Statement]:
    """Read which certificates are attached to a thing, and which policies to a certificate."""
    return [
        allow(f"Read{whose}Principals", LIST_THING_PRINCIPALS, [_things(region)]),
        allow(
            f"Read{whose}Attachments",
            [iot.ListAttachedPolicies],
            ["*"],  # ListAttachedPolicies knows no resource
            in_regions(region_value),
        ),
    ]


def read_dependents(whose: str, region: str, region_value: Any) -> list[Statement]:
    """Read what depends on a resource, as one must before deleting it."""
    return [
        *read_policy_use(whose, region),
        allow(
            f"Read{whose}TypeUse",
            [iot.ListThings],
            ["*"],  # the list calls know no resource
            in_regions(region_value),
        ),
    ]


def read_policy_use(whose: str, region: str) -> list[Statement]:
    """Read what a policy is attached to, as one must where it comes or goes."""
    return [allow(f"Read{whose}PolicyUse", [iot.ListTargetsForPolicy], [_policies(region)])]


def write_resources(whose: str, region: str, region_value: Any) -> list[Statement]:
    """Create, change and delete resources, and attach them to each other."""
    return [
        allow(f"Write{whose}Things", [iot.UpdateThing, iot.DeleteThing], [_things(region)]),
        # A thing that is made in a billing group is authorized on both.
        allow(f"Create{whose}Things", [iot.CreateThing], [_things(region), _billing_groups(region)]),
        allow(
            f"Write{whose}ThingTypes",
            [iot.CreateThingType, iot.UpdateThingType, iot.DeprecateThingType, iot.DeleteThingType],
            [_types(region)],
        ),
        allow(
            f"Write{whose}Groups",
            [
                iot.CreateThingGroup,
                iot.UpdateThingGroup,
                iot.DeleteThingGroup,
                iot.CreateDynamicThingGroup,
                iot.UpdateDynamicThingGroup,
                iot.DeleteDynamicThingGroup,
            ],
            [_groups(region)],
        ),
        allow(
            f"Write{whose}BillingGroups",
            [iot.CreateBillingGroup, iot.UpdateBillingGroup, iot.DeleteBillingGroup],
            [_billing_groups(region)],
        ),
        allow(
            f"Write{whose}Memberships",
            [
                iot.AddThingToThingGroup,
                iot.RemoveThingFromThingGroup,
                iot.AddThingToBillingGroup,
                iot.RemoveThingFromBillingGroup,
            ],
            [_things(region), _groups(region), _billing_groups(region)],
        ),
        allow(
            f"Write{whose}Certificates",
            [iot.UpdateCertificate, iot.DeleteCertificate, iot.AttachThingPrincipal, iot.DetachThingPrincipal],
            [_certificates(region)],
        ),
        allow(
            f"Write{whose}PolicyAttachments",
            [iot.AttachPolicy, iot.DetachPolicy],
            [_certificates(region), _groups(region)],
        ),
        allow(
            f"Write{whose}Policies",
            [
                iot.CreatePolicy,
                iot.CreatePolicyVersion,
                iot.DeletePolicy,
                iot.DeletePolicyVersion,
                iot.ListPolicyVersions,  # a policy has five versions at most, so the oldest must go before a sixth
            ],
            [_policies(region)],
        ),
        # Also needed to make something with tags.
        allow(f"Write{whose}Tags", [iot.TagResource, iot.UntagResource], _tagged(region)),
        allow(
            f"Write{whose}Registrations",
            [iot.RegisterCertificateWithoutCA],
            ["*"],  # RegisterCertificateWithoutCA knows no resource: the certificate is not there yet
            in_regions(region_value),
        ),
    ]


def provision_devices(region: str, region_value: Any, template: str) -> list[Statement]:
    """Register devices by a provisioning template; what it says is made with the rights of whoever asks for that."""
    return [
        allow(
            "ReadTemplate",
            [iot.DescribeProvisioningTemplate],
            [arn("iot", f"provisioningtemplate/{template}", region)],
        ),
        allow(
            "RegisterDevices",
            [iot.RegisterThing],
            ["*"],  # RegisterThing knows no resource
            in_regions(region_value),
        ),
        allow(
            "MakeNewThings",
            [iot.CreateThing, iot.DescribeThing, iot.UpdateThing, iot.AddThingToBillingGroup, iot.AddThingToThingGroup],
            [_things(region), _billing_groups(region), _groups(region)],
        ),
        allow("ReadTypesAndGroups", [iot.DescribeThingType, iot.DescribeThingGroup], [_types(region), _groups(region)]),
        allow("MakeNewPolicies", [iot.CreatePolicy, iot.GetPolicy], [_policies(region)]),
        allow(
            "LetNewDevicesIn",
            [iot.DescribeCertificate, iot.UpdateCertificate, iot.AttachPolicy, iot.AttachThingPrincipal],
            [_certificates(region)],
        ),
    ]


def read_shadows(whose: str, region: str) -> Statement:
    """Read shadows and find those that have names; a named shadow's ARN begins with its thing's."""
    return allow(f"Read{whose}Shadows", [iot.GetThingShadow, iot.ListNamedShadowsForThing], [_things(region)])


def write_shadows(whose: str, region: str) -> Statement:
    """Create, change and delete shadows."""
    return allow(f"Write{whose}Shadows", [iot.UpdateThingShadow, iot.DeleteThingShadow], [_things(region)])


def list_registries(*region_values: Any) -> list[Statement]:
    """List whole registries, page by page."""
    return [
        allow(
            "ListRegistries",
            [
                iot.ListBillingGroups,
                iot.ListCertificates,
                iot.ListPolicies,
                iot.ListThingGroups,
                iot.ListThings,
                iot.ListThingTypes,
            ],
            ["*"],  # the list calls know no resource
            in_regions(*region_values),
        )
    ]


def find_probes(whose: str, region: str) -> list[Statement]:
    """Find the health checker's certificate, which its policy alone tells from the fleet's."""
    probe = arn("iot", "policy/iot-dr-probe-*", region)  # of any launch
    return [allow(f"Find{whose}Probes", [iot.ListTargetsForPolicy], [probe])]
