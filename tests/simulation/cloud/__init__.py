"""Two regions of one account: RDS and S3 as far as a run needs them, answering in botocore's dictionaries.

account.py   what there is, who made it, and what was done to whom
rds.py       instances, snapshots and automated backups, whose states change with the time
s3.py        versions, copies, deletion, and writing only where nothing is
others.py    who is calling, security groups, secrets, tags
door.py      the session and the clients that the product is given: here calls go wrong
"""
