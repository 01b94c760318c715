"""How many secrets are found, and how much of what only looks like one is left alone."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests"))

from secret_samples import Dice, Sample, look_alikes, secrets
from threadlog.core.redaction import Redactor
from threadlog.core.redaction_rules import SECRETS, OwnRules, chosen


class Judged(NamedTuple):
    """Samples, and those of them that were missed, or touched though they hold no secret."""

    secrets: int
    kinds: int
    missed: list[Sample]
    others: int
    touched: list[Sample]

    @property
    def recall(self) -> float:
        """The part of the secrets that is found."""
        return 1 - len(self.missed) / self.secrets

    @property
    def precision(self) -> float:
        """The part of what is replaced that is a secret."""
        found = self.secrets - len(self.missed)
        return found / (found + len(self.touched))


def judged(seeds: int, each: int) -> Judged:
    """What becomes of so many samples of each kind, each text by itself."""
    told = [sample for seed in range(seeds) for sample in secrets(Dice(seed), each)]
    others = [sample for seed in range(seeds) for sample in look_alikes(Dice(seed), each)]
    rules = chosen((SECRETS,), OwnRules())
    missed = [sample for sample in told if sample.secret in Redactor(rules).text(sample.text)]
    touched = [sample for sample in others if Redactor(rules).text(sample.text) != sample.text]
    kinds = len({sample.kind for sample in told})
    return Judged(len(told), kinds, missed, len(others), touched)
