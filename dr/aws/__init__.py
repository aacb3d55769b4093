"""The only room where boto3 is spoken: dicts in, nouns out.

    clients     who calls, where, with which patience; counts calls per region; bars regions; asserts the account
    sessions    whose credentials, and when they are renewed
    patience    how long an answer is waited for, when a call is sent again, how fast a service is asked
    breaker     a region in which nothing answers is not waited for
    errors      what AWS says, in the error tree of dr.errors          codes      what kind of trouble a code is
    statuses    which status of an instance or snapshot is good, which will pass, which never will
    rds         instances: look, list, events, tags, groups            snapshots  take, copy, list recovery points
    backups     windows of automated backups, and their replication    restores   into scratch: to a time, or a snapshot
    adoption    a name that is taken, an answer that got lost: what is ours, and what is not
    changes     passwords, protection and deletion, each by proof
    s3          versions, bytes, deletion by claim                     conditional  writes of which one wins
    contents    one version: its bytes, and all that S3 says of it
    copies      of object versions, whole and in parts                 s3wire     what botocore's S3 client must not do
    kms  secrets  sts  ec2  tagging                                    one or two verbs each

Every function takes an `Aws` first, then a region, or a claim that knows its region. What is not there is None where
asking is the point, and an error where being there was taken for granted. No botocore exception and no dictionary of a
response leaves.
"""
