"""The faults that tests here are made of, and which of them `make test` keeps: one of each kind."""

import pytest

from dr.lab.faults.catalogue import CATALOGUE
from dr.lab.faults.entries import Entry, Kind

OF_A_KIND = {
    "heap-page-zeroed",
    "recovered-too-early",
    "row-doubled",
    "sequence-behind",
    "restore-public",
    "s3-wrong-bytes",
}
"""At least one of each kind that damages what is restored: those of the control plane are `make catalogue`'s alone."""


def of(*kinds: Kind) -> list[Entry]:
    """What there is of some kinds."""
    return [entry for entry in CATALOGUE.values() if entry.kind in kinds]


def parameter(entry: Entry, *more: str) -> "pytest.ParameterSet":  # type: ignore[name-defined]
    """One fault as a parameter of a test, marked as `make test` and `make catalogue` want it."""
    marks = [pytest.mark.catalogue]
    if entry.name in OF_A_KIND and "off" not in more:
        marks.append(pytest.mark.one_of_a_kind)
    return pytest.param(entry, *more, marks=marks, id="-".join((entry.name, *more)))
