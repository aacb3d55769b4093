"""Fixtures of the lab's tests."""

from tests.lab.rds_fixtures import public_folder, rds_lab

__all__ = ["public_folder", "rds_lab"]
