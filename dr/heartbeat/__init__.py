"""The source's own heartbeat: how it is installed, and the process that writes it.

    statements.py   what installing executes, word by word. Pure
    install.sql     the table, and the functions by which a beat is written and old ones go
    ours.py         whether what stands in the database is ours alone
    reach.py        names and secrets of the estate in, a login to a source out
    install.py      look, execute, record, prove
    writer.py       one database: connect, hold the writers' lock, beat, and again after whatever happens
    running.py      all of them side by side, and the object in the buckets once a minute

**Who writes.** One session at a time, by an advisory lock that dies with it; the table's own key would catch a second
writer even then. Any role of that database could hold that lock and silence the beats: `statements.py` says why it is
one all the same, and whoever waits for it says so. A writer that is paused loses its session, and so the lock, after
ten seconds.

**Which line.** `lineage` says which *primary* wrote a beat. It is drawn at random and stored in the table, together
with the system identifier and the timeline that it was drawn for. A restart, a crash and a failover within Multi-AZ
keep both, and the lineage; a promotion and a restore begin another timeline, and whoever writes next there draws anew.
Identifier and timeline alone would not do: two restores of one source are both on the next timeline, and a primary that
was thought dead must not share a line with its successor. A lineage for each start of the writer would not do either:
then every restart would look like a split brain. Where a server does not tell (Aurora may not), the line stays.
"""
