"""What went wrong, with what differs from one time to the next left out, so that the same errors have one message."""

from __future__ import annotations

import re

#: Characters of a message that tell it from others.
LENGTH = 300

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\w.~+-]*[/\\]){2,}[\w.+-]*")
_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\d+")


def general(message: str) -> str:
    """A message without addresses, paths and numbers."""
    text = _PATH.sub("<path>", _ADDRESS.sub("<address>", message[: 4 * LENGTH]))
    return _NUMBER.sub("<number>", text)[:LENGTH]


class Messages:
    """Messages by code: equal ones, but for what is left out, have the same.

    Attributes:
        texts: By code, without what is left out.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, message: str) -> int:
        """The code of a message."""
        text = general(str(message))
        code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = len(self.texts)
            self.texts.append(text)
        return code
