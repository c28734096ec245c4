"""Where the emulator is brought to AWS's behaviour: one named function per difference.

Each function patches the emulator in its own process, before it serves. It is registered with the page of AWS's
documentation that says what AWS does, and tests/e2e/corrections/ shows for each that the emulator alone still
needs it. Runs on the emulator's interpreter: only the standard library and the emulator itself can be imported here.
"""

import importlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

# The order is the order of applying; each module registers its functions on import.
_MODULES = (
    "mqtt",
    "domains",
    "connections",
    "registry",
    "registration",
    "principals",
    "groups",
    "limits",
    "shadows",
    "searches",
    "trails",
    "rules",
    "functions",
    "workflows",
    "map_runs",
    "streams",
    "replicas",
    "conditions",
    "queues",
    "stacks",
    "route53",
    "simulation",
    "lists",
    "metrics",
    "measures",
)


@dataclass(frozen=True)
class Correction:
    """One difference between the emulator and AWS, and the function that takes it away."""

    name: str
    why: str
    source: str
    patch: Callable[[], None]


REGISTRY: dict[str, Correction] = {}


def correction(source: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a patch under its function's name; its docstring begins with the reason, `source` is AWS's page."""

    def register(patch: Callable[[], None]) -> Callable[[], None]:
        why = (patch.__doc__ or "").strip().splitlines()[0]
        REGISTRY[patch.__name__] = Correction(patch.__name__, why, source, patch)
        return patch

    return register


def load() -> dict[str, Correction]:
    """Every correction by name, in the order of applying."""
    for module in _MODULES:
        importlib.import_module(f"{__name__}.{module}")
    return REGISTRY


def apply(without: Collection[str] = ()) -> list[str]:
    """Apply every correction except those named (`all` leaves the emulator as it comes); return the names applied."""
    corrections = load()
    unknown = set(without) - set(corrections) - {"all"}
    if unknown:
        message = f"no such correction: {', '.join(sorted(unknown))}"
        raise ValueError(message)
    chosen = [] if "all" in without else [name for name in corrections if name not in without]
    for name in chosen:
        corrections[name].patch()
    return chosen
