"""The minimum age of a source's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.errors import Code
from bridge.priority.overlay_report import Tally


@dataclass(slots=True)
class Ages:
    """Tells files that are old enough from those that are not.

    Args:
        now: in UTC; the only time that counts, so that a run can be repeated.
        least: None where the policy wants no age.
    """

    now: datetime
    least: timedelta | None
    #: when the first of the files that were left out is old enough: an overlay is out of date then.
    ripe: datetime | None = field(default=None, init=False)

    def old_enough(self, published: datetime | None, subject: str, tally: Tally) -> bool:
        """Whether a file may be offered; a file of unknown age may not."""
        if self.least is None:
            return True
        if published is None:
            tally.find(Code.OVERLAY_AGE, subject, "the source does not say when it was published")
            return False
        if self.now - published >= self.least:
            return True
        at = published + self.least
        self.ripe = at if self.ripe is None else min(self.ripe, at)
        return False
