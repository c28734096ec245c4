"""How a correction reaches the emulator's code."""

import sys
from typing import Any


def replace(original: Any, replacement: Any) -> None:
    """Put `replacement` wherever a module of the emulator holds `original` under its name, imports by name included."""
    name = original.__name__
    places = [
        module
        for path, module in list(sys.modules.items())
        if path.startswith("ministack") and getattr(module, name, None) is original
    ]
    if not places:
        message = f"the emulator has no {name} to correct"
        raise LookupError(message)
    for module in places:
        setattr(module, name, replacement)
