"""Losing the databases of a region: what their gates do, and what their servers say before they fall silent."""

import sys
import traceback

import psycopg

from dr.lab.outages import CUT_OFF, Outage
from dr.lab.rds import following
from dr.lab.rds.records import Instance
from dr.lab.rds.world import World

END_SESSIONS = """
select pg_terminate_backend(pid) from pg_stat_activity
where backend_type = 'client backend' and usename <> 'rdsadmin' and pid <> pg_backend_pid()
"""
"""Every session of a client ends with 57P01, admin_shutdown; what the lab itself does goes on."""


def lose(world: World, region: str, outage: Outage | None) -> None:
    """Let the databases of a region suffer an outage, or bring them back. They run on: nothing is lost inside."""
    mode, delay = (outage.mode, outage.delay) if outage else ("open", 0.0)
    world.gatehouse.set(world.roads[region], "open" if mode == "throttle" else mode, delay)
    with world.lock:
        (world.lost.add if mode in CUT_OFF else world.lost.discard)(region)
        instances = list(world.regions[region].instances.values())
        replicas = [(one, one.following) for each in world.regions.values() for one in each.instances.values()]
    if mode == "error":
        for instance in instances:
            _end_sessions(instance)
    for replica, tie in replicas:
        if tie and replica.status not in following.STARTING:
            following.keep_course(world, replica, tie)


def _end_sessions(instance: Instance) -> None:
    if not instance.cluster.alive:
        return
    try:
        with instance.cluster.connect() as connection:
            connection.execute(END_SESSIONS)
    except psycopg.Error:
        # It is going down, or in recovery: it has no sessions to end. Should that be wrong, the log says why.
        traceback.print_exc(file=sys.stderr)
