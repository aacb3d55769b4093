"""The sample application of the lab: `receipts`, bookkeeping documents in PostgreSQL and a versioned bucket.

It is what a drill protects here, so it holds what makes restores hard to prove: money that must balance, rows that
name object versions, a writer that never pauses, a second database in the same instance, and names and types that
break careless tools.

    provision   what stands in AWS: networks, keys, buckets, secrets, the instance, in both regions
    seed        the rows and objects that are there from the start
    workload    the writers and the heartbeat, each its own process
"""
