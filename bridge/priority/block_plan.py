"""What putting blocks into files of any syntax has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.errors import Code, InvalidInput

#: path of the table that a block is in; None for a block that has tables of its own.
Place = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Insertion:
    """Lines that go into a file."""

    #: at the start of a line, or the end of the file.
    offset: int
    #: ends with a line end.
    text: str


@dataclass(frozen=True, slots=True)
class Existing:
    """A file without the blocks that are about to be put in."""

    text: str
    #: for messages.
    filename: str
    #: where blocks were before; they stay there.
    places: Mapping[Place, int]
    #: from an offset in `text` to the line in the file as it is.
    line_of: Callable[[int], int]

    def conflict(self, name: str, offset: int, message: str = "set outside of the block as well") -> InvalidInput:
        """What the file says, and the policy says differently."""
        where = f"line {self.line_of(offset)}"
        return InvalidInput(Code.BLOCK_CONFLICT, f"{name}: {message}", subject=self.filename, field=where)

    def unreadable(self, error: Exception) -> InvalidInput:
        """The file breaks the rules of its syntax."""
        return InvalidInput(Code.EDITED_FILE, " ".join(str(error).split()), subject=self.filename)

    def followed(self, offset: int) -> InvalidInput:
        """Something after a block belongs to a table of the block."""
        message = "what follows the block would belong to its last table; put it before the block or under a table"
        return InvalidInput(Code.BLOCK_DAMAGED, message, subject=self.filename, field=f"line {self.line_of(offset)}")


def impossible(filename: str) -> InvalidInput:
    """After all checks, the file with its blocks still says something else than both together."""
    message = "what the policy says cannot be put into the file without changing what it says already"
    return InvalidInput(Code.BLOCK_CONFLICT, message, subject=filename)
