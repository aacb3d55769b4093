"""Fixtures of the lab's tests."""

from tests.lab.rds_fixtures import rds_lab

__all__ = ["rds_lab"]
