"""Damage to a database that has been restored: what a restore can come up with, although AWS calls it available.

    pages.py        pages of relations, read and written where they stand in a file
    files.py        damage to files of a stopped server, and which relation each one hits
    statements.py   damage as a superuser's SQL
    replays.py      recoveries that go astray before the server opens
    striking.py     one damage, done to one server; and taken back

Relations are those of the sample application unless others are named. Who decides which restore is hit is not here: see
`dr/lab/rds/harm_restore.py`.
"""
