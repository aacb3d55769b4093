"""The lab's front door: loopback ports that speak AWS.

    doors.py        all listeners of a lab, put together
    listener.py     one port: a whole request in, an answer out, connections counted
    exchange.py     the request and the answer as values
    sigv4.py        what a signature claims, and whether it holds
    keys.py         which access keys are good
    refusals.py     errors in the words of each service
    dispatch.py     from a request to the service that answers it
    simulated.py    moto's services, in this process
    tagging.py      the tagging API over simulated services and our own RDS together
    control.py      status and stop, for whoever holds the token
    secrets.py      Secrets Manager, whose replicas arrive late
    buckets.py      S3: which region, which lock, and who puts right what the simulated store gets wrong
    payload.py      the body as it was meant: chunks undone, checksums proven
    checksums.py    S3's checksums, as far as they can be computed here
    store.py        the simulated store's memory, and nothing else that depends on its models
    made.py         the versions that a request made, on their way to replication
    looks.py        what a look at one object must say beyond the simulated store
    versions.py     ListObjectVersions, in storage order and without copying the store
    rules.py        a bucket's replication configuration, and which versions it covers
    replication.py  versions on their way to another region's bucket
    xml.py          S3's documents as dictionaries

A request runs from top to bottom: listener, dispatch, then the service; S3 takes the rooms from `buckets` on.
"""
