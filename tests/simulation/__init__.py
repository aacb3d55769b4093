"""The product's own loop over a simulated cloud, clock and scheduler, all drawn from one seed.

    baton.py         whose turn it is: one thread at a time, time that passes only here, pauses and kills
    surroundings.py  machine, clock, threads and journal, each effect of which passes the baton
    cloud/           two regions of RDS and S3, what is never ours to touch, and who may act
    troubles.py      what goes wrong in one run
    neighbours.py    what other people do to the account meanwhile
    databases.py     the answers that PostgreSQL would give
    scene.py         the estate, its backup of an hour ago, and the plans
    acts.py          what one process does: begin a run, go on with one, give one up, sweep
    ending.py        how a run comes to its end when its process did not bring it there
    performance.py   one story from one seed
    invariants.py    what must hold, whatever happened
    plants.py        bugs planted on purpose

`python -m tests.simulation SEED` replays one run, and shows every effect of it in its order.
"""
