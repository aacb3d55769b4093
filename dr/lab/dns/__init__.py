"""DNS on loopback: what the lab's Route 53 zones and databases are called, and who is well enough to be named.

    records.py      a resource record set as a value, read from the simulated Route 53 and written back
    zones.py        changes on their way to the name servers: PENDING, then INSYNC and answered from
    routing.py      which of several records answers: weighted, failover, multivalue; all ill means all well
    answering.py    the answer to one question: names, wildcards, aliases, delegations, NXDOMAIN or no data
    wire.py         packets in and out: EDNS, truncation, what is not a question
    resolver.py     a cache in front of the answers, for clients: old answers until their time to live is over
    health.py       health checks: thresholds, inversion, calculated ones; what GetHealthCheckStatus tells
    probes.py       one look at an endpoint, over TCP, HTTP or HTTPS
    asking.py       one question over the wire, for the command line
    server.py       the sockets of the authority and of the resolver, and the one thread behind them

The name servers are a data plane: they go on answering while Route 53's API is unreachable, as AWS's do. Nothing here
imports `front`, which is the API.
"""
