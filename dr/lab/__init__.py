"""The lab: two AWS regions on one machine, with real PostgreSQL and a real HTTP API.

    daemon.py     the one process that a lab is
    calendar.py   the control plane's clock, which can leap ahead; the data plane's is the machine's
    passing.py    what the control plane does by itself when its time has come
    outages.py    what is lost now, and how
    home.py       the folder that a lab lives in, and what may be done to it
    life.py       up, status, down: what `dr lab` does, seen from outside the process
    processes.py  a pid and its start time together, so that nobody else is ever signalled
    damage/       what a restored database can come up with: files, rows, shapes, recoveries
    faults/       the faults that can be injected, and how to undo each
    front/        the ports: signatures, dispatch by service, S3 replication, the control port
    dns/          Route 53's name servers, health checks, and a caching resolver
    iam/          who may do what: policies, evaluated for every request of everybody but the administrator
    rds/          the RDS API, driven by botocore's own service model
    engine/       PostgreSQL: servers, shared volumes, base backups, WAL archives, certificates
    receipts/     the sample application: schema, seed, workload, heartbeat

Nothing in `dr` but the command line imports this package, and it imports nothing of `dr` but `connection` and `errors`:
the product reaches the lab as it reaches AWS, through endpoints and credentials.
"""
