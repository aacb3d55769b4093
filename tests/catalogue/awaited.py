"""Faults of the catalogue whose check this tree does not have. Once it does, the fault has to move out of here."""

from collections.abc import Mapping

AWAITED: Mapping[str, str] = {}
"""fault -> the check that it waits for."""
