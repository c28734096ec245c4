"""What a launch, and a publication before it, read and make in the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from iot_dr.model.launch.distribution import Bucket, Upload
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import IotRegion, LaunchResource, Stack, StackEvent, UnreadableValue
from iot_dr.model.launch.probes import NewCertificate


class StackDeployer(Protocol):
    """Creates, updates and follows stacks."""

    def bring_up(self, stack: Stack, report: Callable[[StackEvent], None]) -> Mapping[str, str]:
        """Bring a stack to its template and return its outputs; raises `LaunchFailed`."""


class PublishedTemplates(Protocol):
    """Published templates."""

    def url(self, file: str) -> str:
        """Return the address that CloudFormation reads a template from."""


class GlobalTables(Protocol):
    """Global tables."""

    def replica_stream(self, table: str, region: str, replica_region: str) -> str:
        """Wait for a replica and return the ARN of its stream; raises `LaunchFailed`."""

    def protect(self, table: str, region: str) -> None:
        """Have AWS refuse to delete a table in a Region; raises `LaunchFailed`."""


class ToolsBucket(Protocol):
    """Where the operator's tools find what they need."""

    def put(self, region: str, bucket: str, key: str, text: str) -> None:
        """Write a text file."""


class Buckets(Protocol):
    """The caller's S3: every method speaks of buckets that the caller's own account owns."""

    def regions(self) -> frozenset[str]:
        """Return the Regions that have AWS IoT Core, in every partition."""

    def secure(self, name: str, region: str) -> Bucket:
        """Make the bucket in the Region if it is missing; private, TLS only, encrypted and versioned it is afterwards.

        Raises:
            ConfigurationError: the name belongs to someone else, there are no usable credentials, or the Region is
                not enabled in the account.
        """

    def checksum(self, bucket: Bucket, key: str) -> str | None:
        """Return the SHA-256 of an object in base64, or None if it is missing or was uploaded without one."""

    def upload(self, upload: Upload, sent: Callable[[int], None]) -> None:
        """Write one file; `sent` is told the number of bytes at every step."""

    def url(self, bucket: Bucket, key: str) -> str:
        """Return the address by which CloudFormation reads an object."""


class PublishedFiles(Protocol):
    """Published files in buckets of the caller's own account."""

    def sha256(self, region: str, bucket: str, key: str) -> str | UnreadableValue | None:
        """Return a file's SHA-256 in hexadecimal, `NO_DIGEST` if S3 has none, None if there is no such file.

        May be called from several threads.
        """


class BuildStarter(Protocol):
    """Starts builds of a project."""

    def start(self, project: str, variables: Mapping[str, str], token: str, version: str) -> str:
        """Start a build of a version of its source, the newest if empty, and return its ID.

        The same token within five minutes starts none twice.
        """


class BuildSource(Protocol):
    """The published zip that a build runs."""

    def newest(self, bucket: str, key: str) -> tuple[str, str]:
        """Return the SHA-256 and the ID of its newest version; both empty if there is none."""


class Leftovers(Protocol):
    """Looks for what a launch made."""

    def exists(self, resource: LaunchResource) -> bool:
        """Tell whether it is there in any state but deleted."""


class LaunchRemover(Protocol):
    """Removes what a launch made; removing what is gone already is success."""

    def take_down(self, region: str, name: str, report: Callable[[StackEvent], None]) -> None:
        """Take a stack's protection off, delete it and wait; raises `LaunchFailed`."""

    def unprotect(self, table: str, region: str) -> bool:
        """Let AWS delete a table, and tell whether there is one."""

    def remove_table(self, table: str, region: str) -> None:
        """Take a table's protection off, delete it and wait; raises `LaunchFailed`."""

    def remove_bucket(self, bucket: str, region: str) -> int:
        """Delete all versions of all that a bucket holds, then the bucket, and tell how many versions there were."""


class RegionReader(Protocol):
    """Reads the state of any Region; every fault becomes an `Unreadable`."""

    def supported(self) -> frozenset[str]:
        """Return the Regions that have AWS IoT Core, in every partition."""

    def read(self, region: str) -> IotRegion:
        """Read one Region's endpoint, event configurations, indexing mode and concurrent executions."""


class ProbeThings(Protocol):
    """Reads and writes what belongs to a probe in this Region; removing what is gone already is success."""

    def endpoint(self) -> str:
        """Return the endpoint that this Region's devices connect to."""

    def create_thing(self, name: str) -> tuple[str, bool]:
        """Return the thing's ARN and whether this call made it."""

    def put_policy(self, name: str, document: str) -> bool:
        """Make the document the policy's default version; tell whether this call made the policy."""

    def create_certificate(self) -> NewCertificate:
        """Have AWS issue a certificate, inactive until everything else is in place."""

    def attach(self, name: str, certificate_id: str) -> None:
        """Attach the policy and the thing of this name to a certificate."""

    def activate(self, certificate_id: str) -> None:
        """Let the certificate connect."""

    def certificates(self, name: str) -> frozenset[str]:
        """List the IDs of certificates attached to the thing or the policy of this name."""

    def is_active(self, certificate_id: str) -> bool:
        """Tell whether the certificate can connect."""

    def remove_certificate(self, name: str, certificate_id: str) -> None:
        """Detach, deactivate and delete a certificate."""

    def remove_thing(self, name: str) -> None:
        """Delete the thing."""

    def remove_policy(self, name: str) -> None:
        """Delete the policy, waiting for its detachment to take effect."""


class CredentialStore(Protocol):
    """The one secret that holds the probe's credentials."""

    def read(self) -> str | None:
        """Return the text, or None if there is none."""

    def write(self, text: str) -> None:
        """Make a text the current value."""

    def empty(self) -> None:
        """Leave no version that holds a key."""


class StackLister(Protocol):
    """Reads the stacks of any Region, without their resources."""

    def listed(self, region: str) -> Iterator[LaunchedStack]:
        """Yield all stacks of a Region.

        Raises:
            AccessDenied: nobody may list stacks.
            RetryableError: the Region does not answer.
        """

    def named(self, region: str, name: str) -> LaunchedStack | None:
        """Return one stack; None if there is none. Raises as `listed` does."""
