"""The lab's front door: loopback ports that speak AWS.

    doors.py        all listeners of a lab, put together
    listener.py     one port: a whole request in, an answer out, connections counted
    watch.py        counts who comes to a port, and loses what is lost
    operations.py   which service and operation a request claims to be for
    calls.py        what is to happen to the next calls
    exchange.py     the request and the answer as values
    sigv4.py        what a signature claims, and whether it holds
    keys.py         which access keys are good
    refusals.py     errors in the words of each service
    dispatch.py     from a request to the service that answers it
    simulated.py    moto's services, in this process
    subresources.py what S3 operations may name in the query, so that moto takes none for another
    listings.py     ListObjects and ListObjectsV2: where a page began, and where the next one does
    route53.py      Route 53's API in front of the simulated one: what may change, and when it is in sync
    route53_pace.py     how many requests it takes
    route53_reading.py  its requests as values
    route53_batch.py    a batch of changes: all of it or nothing
    route53_listing.py  the records of a zone, in order and page by page
    route53_checks.py   health checks that are refused, and what is told of the others
    deadlines.py    what the simulated services let expire
    tagging.py      the tagging API over simulated services and our own RDS together
    control.py      status, commands and stop, for whoever holds the token
    secrets.py      Secrets Manager, whose replicas arrive late
    buckets.py      S3: which region, which lock, and which of the rooms below answers
    declined.py     S3's no: its codes and words
    payload.py      the body as it was meant: chunks undone, checksums proven
    checksums.py    S3's checksums, computed
    settings.py     a whole bucket's versioning, replication, lifecycle and lock
    writes.py       PutObject and CopyObject
    copies.py       the source of a copy: which version, and whether it may be copied
    uploads.py      uploads in parts
    completing.py   the list of parts, proven against what was uploaded
    deletes.py      DeleteObject and DeleteObjects
    conditions.py   conditional writes
    locks.py        Object Lock
    sealing.py      encryption as S3 shows it, and keys that can no longer be used
    made.py         what every new version gets, however it was made
    looks.py        GET and HEAD: what an answer must say beyond the simulated store
    attributes.py   GetObjectAttributes
    versions.py     ListObjectVersions, in storage order and without copying the store
    rules.py        a bucket's replication configuration, and which versions it covers
    replication.py  versions on their way to another region's bucket
    expiring.py     a bucket's lifecycle configuration, and which versions it covers
    lifecycle.py    what is due by it at a given time: decided, and done
    store.py        the simulated store's memory, and nothing else that depends on its models
    harm*.py        faults in what is here: calls, S3, keys
    xml.py          S3's documents as dictionaries

A request runs from top to bottom: listener, dispatch, then the service; S3 takes the rooms from `buckets` on.
"""
