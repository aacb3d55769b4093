"""Which of the record sets of one name and type answers a query.

Source of the rules: botocore's model of ResourceRecordSet (Weight, Failover, MultiValueAnswer, HealthCheckId). Where
every record is unhealthy Route 53 answers as if every one were healthy; that is called failing open.
"""

import random
from collections.abc import Callable

from dr.lab.dns.records import Record
from dr.lab.dns.zones import Group

Healthy = Callable[[Record], bool]

MOST_VALUES = 8
"""A multivalue answer holds up to eight healthy records."""

_DICE = random.SystemRandom()


def choose(group: Group, healthy: Healthy) -> Group:
    """The record sets that answer; one, or several for a multivalue answer. Empty only for an empty group."""
    if not group:
        return ()
    match group[0].policy:
        case "simple":
            return group[:1]
        case "weighted":
            return (_weighted(group, healthy),)
        case "failover":
            return (_failover(group, healthy),)
        case "multivalue answer":
            well = [one for one in group if healthy(one)] or list(group)
            return tuple(_DICE.sample(well, min(MOST_VALUES, len(well))))
        case _:
            return (_nearest(group, healthy),)


def _weighted(group: Group, healthy: Healthy) -> Record:
    """By chance and weight; zero is considered only where all weights are zero, or all others are unhealthy.

    Assumed: the latter, for which the model refers to a guide that was not at hand.
    """
    heavy = [one for one in group if one.weight]
    light = [one for one in group if not one.weight]
    well = [one for one in heavy if healthy(one)] or [one for one in light if healthy(one)] or heavy or light
    return _DICE.choices(well, weights=[one.weight or 1 for one in well])[0]


def _failover(group: Group, healthy: Healthy) -> Record:
    """The primary while it is healthy; then the secondary while that is; else the primary again."""
    ordered = sorted(group, key=lambda one: one.failover != "PRIMARY")
    return next((one for one in ordered if healthy(one)), ordered[0])


def _nearest(group: Group, healthy: Healthy) -> Record:
    """Latency and location mean nothing on one machine: the default location, else the first in their order."""
    ordered = sorted(group, key=lambda one: (dict(one.location).get("CountryCode") != "*", one.set_identifier or ""))
    return next((one for one in ordered if healthy(one)), ordered[0])
