"""The taxonomy of what can go wrong, told apart by who must act: the operator, a retry, or nobody.

Adapters turn every foreseeable fault into one of these (`aws/errors.py` holds the one converter), so that the rings
above decide by class and never by message. Class names are also the error names that the state machine's Retry and
Catch clauses match, since Lambda reports an exception by the name of its class.
"""


class IotDrError(Exception):
    """Anything that the product foresees; the message names the mend where there is one."""


class ConfigurationError(IotDrError):
    """The set-up is wrong: a missing variable, a Region without IoT Core, a bucket that belongs to someone else."""


class EventError(IotDrError):
    """A registry event or stream record that cannot be read."""


class UnsupportedEvent(EventError):
    """A well-formed event of a family that no branch replicates."""


class RetryableError(IotDrError):
    """The same call may succeed later, unchanged."""


class Throttled(RetryableError):
    """AWS refused for the rate of calls; back off."""


class RegionUnavailable(RetryableError):
    """A Region answered 5xx, timed out, or could not be reached."""


class NotReadyYet(RetryableError):
    """A dependency is not there yet, or AWS's own waiting time has not passed."""


class Conflict(RetryableError):
    """Somebody else changed the resource since it was read; read again and plan anew."""


class WriteRefused(RetryableError):
    """The write gate does not admit the write now; the message is its reason."""


class TerminalError(IotDrError):
    """No repetition helps; somebody must act."""


class AccessDenied(TerminalError):
    """A role lacks a right."""


class TargetLeads(TerminalError):
    """The Region that a command would write leads, so that devices may have changed what it would overwrite."""


class InvalidResource(TerminalError):
    """AWS refuses the resource as it is."""


class LimitExceeded(TerminalError):
    """A quota that does not refill with time is used up."""


class LaunchFailed(TerminalError):
    """A stack or build step of the launch failed; the message names the first failing resource and AWS's reason."""


class UnsafePlan(IotDrError):
    """A plan would delete more than the stated share; the operator must override it in words."""
