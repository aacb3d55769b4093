"""The faults that can be injected, as data: all of them, and what somebody asked for, checked.

`entries.py` says what is told of each; the `of_*.py` files tell it.
"""

from collections.abc import Mapping
from typing import Any

from dr.errors import Refused
from dr.lab.faults import of_aws, of_files, of_objects, of_recovery, of_restores, of_rows, of_shape
from dr.lab.faults.entries import KINDS, Entry, Option

_FILES = (of_files, of_recovery, of_rows, of_shape, of_restores, of_aws, of_objects)
_ENTRIES = [entry for file in _FILES for entry in file.ENTRIES]
CATALOGUE: Mapping[str, Entry] = {
    entry.name: entry for entry in sorted(_ENTRIES, key=lambda one: (list(KINDS).index(one.kind), one.number))
}


def entry(name: str) -> Entry:
    """An entry by name. Raises Refused for one that there is not."""
    if name not in CATALOGUE:
        raise Refused(f"there is no fault {name!r}", hint=f"the catalogue has {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def read(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a fault, checked and complete. Raises Refused for what the catalogue does not allow."""
    wanted = {option.name: option for option in entry(name).options}
    if unknown := sorted(given.keys() - wanted.keys()):
        raise Refused(f"{name} takes no {', '.join(unknown)}", hint=f"it takes {', '.join(wanted)}")
    return {option.name: _value(name, option, given.get(option.name)) for option in wanted.values()}


def _value(name: str, option: Option, value: Any) -> Any:
    if value is None:
        if option.required:
            raise Refused(f"{name} needs {option.name}", hint=option.about)
        return option.default
    if option.kind is not str:
        if isinstance(value, bool) or not isinstance(value, (int, float) if option.kind is float else int):
            raise Refused(f"{name}: {option.name} must be a number")
        if value < option.least:
            raise Refused(f"{name}: {option.name} must be {option.least:g} or more")
    elif not isinstance(value, str):
        raise Refused(f"{name}: {option.name} must be a text")
    if option.choices and value not in option.choices:
        raise Refused(f"{name}: {option.name} cannot be {value!r}", hint=f"it is one of {', '.join(option.choices)}")
    return value
