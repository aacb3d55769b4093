"""Every name that the sample application uses, as `runbooks/estate.yaml` spells it."""

PRIMARY = "eu-west-1"
RECOVERY = "eu-central-1"
REGIONS = (PRIMARY, RECOVERY)

INSTANCE = "receipts"
DATABASE = "receipts"
AUDIT = "audit"
OWNER = "receipts_owner"
APP = "receipts_app"
INSTANCE_CLASS = "db.t4g.medium"
RETENTION_DAYS = 7

SUBNET_GROUP = "receipts"
SECURITY_GROUP = "receipts-db"
PARAMETER_GROUP = "receipts-pg15"
SCRATCH = "firedrill-scratch"
SCRATCH_PARAMETER_GROUP = "firedrill-scratch-pg15"
"""The number in a parameter group's name is history; its family is the server's real major version."""

APP_KEY = "alias/receipts"
DRILL_KEY = "alias/firedrill"
OWNER_SECRET = "receipts/owner"  # noqa: S105 - the name of a secret
HEARTBEAT = "firedrill_heartbeat"
"""Has a secret from the beginning, and no role in the database until somebody installs a heartbeat of the product's."""
HEARTBEAT_SECRET = "receipts/heartbeat"  # noqa: S105
APP_SECRET = "receipts/app"  # noqa: S105

HEARTBEAT_KEY = "firedrill/heartbeat"


def documents_bucket(region: str) -> str:
    return f"receipts-documents-{region}"


def scratch_bucket(region: str) -> str:
    return f"firedrill-scratch-{region}"
