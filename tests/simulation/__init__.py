"""The product's own loop over a simulated cloud, clock and scheduler, all drawn from one seed.

    baton.py         whose turn it is: one thread at a time, time that passes only here, and the kill
    surroundings.py  clock, pools of threads and journal, each effect of which passes the baton
    cloud/           two regions of RDS and S3, and what is never ours to touch
    troubles.py      what goes wrong in one run
    neighbours.py    what other people do to the account meanwhile
    databases.py     the answers that PostgreSQL would give
    scene.py         the estate, its backup of an hour ago, and the plan
    performance.py   one run from one seed, and the sweep after it
    invariants.py    what must hold, whatever happened

`python -m tests.simulation SEED` replays one run, and shows every effect of it in its order.
"""
