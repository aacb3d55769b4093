"""Real PostgreSQL under the simulated RDS: servers, base backups, WAL archives and recovery.

Nothing here knows of AWS: it speaks of clusters, directories and instants.
"""
