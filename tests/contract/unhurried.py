"""The clouds of test files that look at passing states: import all three names, and `cloud` is the calm one."""

from typing import Any

import pytest

from tests.contract.cloud import PRIMARY, RECOVERY, Cloud

__all__ = ["cloud", "rds", "there"]


@pytest.fixture(scope="module")
def cloud(calm: Cloud) -> Cloud:
    return calm


@pytest.fixture(scope="module")
def rds(calm: Cloud) -> Any:
    """RDS of the primary region."""
    return calm.client("rds", PRIMARY)


@pytest.fixture(scope="module")
def there(calm: Cloud) -> Any:
    """RDS of the recovery region."""
    return calm.client("rds", RECOVERY)
