"""RDS over the wire, on real PostgreSQL.

wire.py        the Query protocol, driven by botocore's service model: request in, answer or AWS error out
faults.py      the AWS errors we give, checked against what the model declares
quotas.py      how much a region gives: resources, and requests per second
windows.py     the backup window and the maintenance window
storage.py     what storage may be asked for, and what it is busy with
keyless.py     instances whose KMS key is out of reach
states.py      every legal transition, in one table
records.py     what exists: instances, snapshots, automated backups, groups, events
world.py       the regions, the clock, the lock and the threads; nothing happens outside it
nights.py      the automated backup of every night
maintenance.py what waits for the maintenance window
retention.py   what becomes too old, and goes
pauses.py      the time that an instance is stopped does not count
openings.py    when a backup or maintenance window opens
losing.py      what the databases of a lost region do
mishaps.py     what is to go wrong later
harm*.py       faults on demand, done to what is here
server.py      the door: handle, tagged, status, stop
clusters/      Aurora: clusters over the same engine
power.py       a server down, a server up
(the rest)     one file per family of operations
"""
