"""What carries our tags. A hint for the sweeper, never a proof: it lags, forgets nothing, and misses the untagged."""

from dr.aws.clients import Aws
from dr.claims import TAG_RUN


def tagged(aws: Aws, region: str, run: str | None = None) -> list[tuple[str, dict[str, str]]]:
    """Everything in a region that is tagged as made by this run, or by any: (ARN, tags).

    Things that are gone, or lost the tag, may still be listed for a while.
    """
    wanted = {"Key": TAG_RUN} | ({"Values": [run]} if run else {})
    pages = aws.pages("resourcegroupstaggingapi", region, "GetResources", f"tag {TAG_RUN}", TagFilters=[wanted])
    return [
        (one["ResourceARN"], {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())})
        for page in pages
        for one in page["ResourceTagMappingList"]
    ]


def instance_of(arn: str) -> str:
    """The name of the DB instance that an ARN is of; empty when it is of anything else."""
    parts = arn.split(":", 6)
    return parts[6] if len(parts) == 7 and parts[2] == "rds" and parts[5] == "db" else ""
