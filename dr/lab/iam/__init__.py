"""IAM: who asks, what their policies say, and whether a request may be handed over.

    pure: values in, a verdict out
    documents.py    a policy's text as statements; what cannot be evaluated here is refused where it is written
    conditions.py   every condition operator that IAM has
    evaluation.py   deny, allow or silence: one verdict from identity, boundary and session policies

    the table: which actions an operation needs, and on what
    needs.py        the words that the table is written in
    calls.py        a request as an operation with its parameters
    table_rds.py    RDS
    table_s3.py     S3
    table_other.py  everything else

    what stands in the lab, and what is done about a request
    principals.py   whose access key it is, and the policies that its owner holds
    state.py        tags and names of what a request is about
    admission.py    between a proven signature and the service
    guard.py        a request is admitted, or refused in AWS's words
    deletions.py    DeleteObjects, which is refused key by key
    assuming.py     STS: roles assumed by those whom they trust
    writing.py      the IAM API: no policy is kept that would be misread later

Users, roles, keys and policies themselves live in the simulated IAM. Policies of resources (buckets, keys, topics) are
not evaluated: the lab has one account, in which identity policies decide.
"""
