"""Aurora PostgreSQL: clusters over the lab's engine.

records.py      what exists: clusters, their members, snapshots, automated backups
states.py       every legal transition of a cluster; events of clusters
describe.py     records as the API shows them
requests.py     what a request says of a cluster, checked: placement, retention, parameters that do not apply
volumes.py      which server works on a cluster's volume: serve, join, rest, fail over
creation.py     create, describe, delete
modifying.py    ModifyDBCluster
running.py      start, stop, fail over
members.py      instances of a cluster, where they differ from other instances
backups.py      continuous backup: archive, restorable time, retained backups
snapshots.py    cluster snapshots: create, describe, delete
copying.py      cluster snapshots copied, also between regions
restores.py     new clusters from snapshots, from an instant, and clones
groups.py       cluster parameter groups
operations.py   operation -> function, and which calls on instances are for us
"""
