"""What the requests of one batch ask both Regions for alike: each answer is asked for once.

Devices share policies, so ten requests that are taken side by side would read the same one ten times. All of them may
say that their reading began when the batch did: an answer that came since is as good as their own. What a request reads
again, after it has written, it reads by itself.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

Found = TypeVar("Found")


class SharedAnswers:
    """Answers of AWS that came since `began`, epoch milliseconds, which the threads of one batch share.

    That there is nothing is not kept: one of the requests is about to make it.
    """

    def __init__(self, began: int, lock: Callable[[], AbstractContextManager[Any]] = threading.Lock) -> None:
        self.began = began
        self._found: dict[Hashable, Any] = {}
        self._asking: defaultdict[Hashable, AbstractContextManager[Any]] = defaultdict(lock)
        self._made = lock()

    def of(self, question: Hashable, ask: Callable[[], Found]) -> Found:
        """Return the answer to a question; who comes while it is asked waits for it, and asks anew if that failed."""
        with self._made:
            asking = self._asking[question]
        with asking:
            found: Found = self._found[question] if question in self._found else ask()
            if found:
                self._found[question] = found
        return found
