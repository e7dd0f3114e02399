"""What the values of what comes after the advice are called on pages, merged into `web.labels`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from consult_rooms.aftercare_model import LineFelt, Outcome, Usefulness
from consult_rooms.debts import Owing
from foundation.i18n import N_

AFTERCARE_LABELS: Mapping[type[StrEnum], Mapping[str, str]] = MappingProxyType(
    {
        Outcome: {
            Outcome.BETTER: N_("Better"),
            Outcome.SAME: N_("The same"),
            Outcome.WORSE: N_("Worse"),
            Outcome.DIED: N_("Died"),
            Outcome.REFERRED: N_("Referred onward"),
            Outcome.LOST: N_("Not reached"),
        },
        Usefulness: {
            Usefulness.YES: N_("Useful"),
            Usefulness.PARTLY: N_("Partly useful"),
            Usefulness.NO: N_("Not useful"),
        },
        LineFelt: {
            LineFelt.GOOD: N_("Good line"),
            LineFelt.WEAK: N_("Weak line"),
            LineFelt.BAD: N_("Bad line"),
        },
        Owing: {
            Owing.ADVICE: N_("Advice to read"),
            Owing.WRITTEN: N_("Answers in writing"),
            Owing.OPINION: N_("Opinions to write"),
            Owing.FOLLOW_UP: N_("What became of the patient"),
            Owing.MINUTES: N_("Minutes to sign"),
        },
    }
)
