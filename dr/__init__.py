"""Firedrill proves that backups restore, and rehearses losing a region.

The map of the house. A room imports only from rooms that stand above it; `cli/`, the door, stands beside them all.

    cli/                    the door for people: one file per verb, heavy imports inside the verb

    what we know            pure: standard library, pydantic and one another
    harmless.py             names and messages that obey nobody when they are shown
    errors.py               the error tree; each class carries its exit code
    quantities.py           how long, and how much, as people write it
    estate.py               what is protected, and what was promised for it
    dangling.py             names in the estate that point at nothing
    recovery.py             recovery points, recovery windows, restore targets
    hashing.py              how rows are hashed: the tier and the seed
    runbook.py              the steps that a run can take, with their fields
    claims.py               names, tags, expiry; the guard that every delete has to pass
    verification.py         findings, depth, coverage, baselines
    beats.py                the heartbeat's numbers: which a restore must hold, and what the object tells
    visibility.py           which transactions fell inside a bracket
    table_comparison.py     content of one table against a baseline, chunk by chunk
    comparison.py           content of a restore against a baseline
    agreement.py            two restores of one instant against each other
    schema_comparison.py    shape of a restore against a baseline
    promises.py             what was promised of backups, against what a site says
    isolation.py            what scratch could reach out with, and what proves that it cannot
    object_versions.py      what stood in a bucket at an instant
    manifest.py             what a bucket held at an instant: bytes, and what S3 says of them
    held.py                 what a restore holds of one key, beside all that is listed of it
    resolving.py            whether a row finds its object, and what is wrong where it does not
    joint_recovery.py       to which instants rows and objects can be recovered together
    permissions.py          what each AWS operation needs of IAM, for which kind of work
    policy.py               those needs as IAM policies, for one estate
    plan.py                 everything that a run will do, before it begins
    challenge.py            what a test may damage in its own scratch, and which check has to find it
    planning.py             an estate, a choice and a moment -> a plan
    preview.py              the plan as a person reads it
    records.py              what a committed backup says of itself; the rule that chooses the instant
    facts.py                the names of the facts by which steps meet
    events.py               what a journal can say
    chain.py                its lines, each bound to the one before
    provenance.py           whose journal it is: its plan, and whether that is of this estate
    durations.py            events -> seconds since the first, across processes
    replay.py               events -> what is done, known and open: what another process goes on from
    spans.py                steps as they were performed -> phases, critical path
    timeline.py             events -> spans, RTA, RPA
    verdict.py              timeline -> verdict, with reasons

    what we touch           the only rooms with effects
    documents.py            YAML in, with file and line for every complaint
    connection.py           where AWS is reached when it is not at its usual address
    clock.py                now, sleep, deadline
    wait.py                 look, decide, sleep, look again, give up in time
    approval.py             signed approvals: make, check
    sharing.py              where threads and their locks come from; pieces of work spread over them
    ledger.py               the journal as a bucket holds it: one writer for each event
    journal.py              append an event durably; take up a journal whose writer died
    aws/                    AWS, in the domain's language
    store.py                the control store: folder or bucket; written once
    catalog.py              what a site holds
    core_sources.py         where PostgreSQL's own server writes its errors
    telling.py              what PostgreSQL complains of, in our words and without a row's values
    postgres.py             a database connection with patience
    settling.py             wait until what was committing at an instant is over
    checks/                 one integrity check per file: look, compare, answer
    pace.py                 no faster than was asked
    bracket.py              two snapshots of the source, just before and just after an instant
    replica_bracket.py      the same on a replica, by what it has replayed
    recording.py            one database, read on both sides by several sessions
    baseline.py             record what is true around an instant
    questions.py            what steps ask of a database, by name
    report/                 one frozen value -> HTML, Markdown, JSON, JUnit
    machine.py              the machine that a process runs on: its name, clock, threads, chance and disk
    lease.py                who may act on an application or an asset, with an epoch
    holding.py              leases held for as long as something is done with them

    what we do
    context.py              what a step may touch
    sources.py              names and secrets in, a login out
    agreeing.py             what other restores of the instant held
    baselines.py            which baseline proves a restore
    waiting.py              until an instance or a snapshot is available
    control_plane.py        what the site says of a database's backups, before anything is restored
    scratch.py              what the journal and AWS agree is scratch
    isolating.py            the first session of a restored instance, and the proof that it reaches nothing
    steps/                  one step per file
    teardown.py             destroy what one run claims
    reconciling.py          what a dead process announced, settled by looking
    run.py                  the loop
    preflight.py            what must hold before a run may begin
    drill.py                one run from estate file to report
    resuming.py             a run whose process died: gone on with, or given up
    strangers.py            what says of itself that it is scratch
    over.py                 whether a run is over
    abandoned.py            what one run left behind
    sweep.py                scratch that nobody looks after any more
    heartbeat/              the source's own heartbeat: its installation, and the process that writes it

    outside the house
    lab/                    two AWS regions on this machine
    ../flows                Prefect, and only there

The import table. `tests/test_architecture.py` reads every import statement and holds us to it.

    boto3, botocore         aws/ and lab/
    psycopg                 postgres.py, telling.py, checks/ and lab/
    tenacity                wait.py
    ruamel.yaml             documents.py
    cryptography            approval.py and lab/
    jinja2                  report/
    moto                    lab/ (and tests/)
    prefect                 flows/: everything here can be imported without it
    what we know            imports nothing that we touch or do, and nothing of the standard library with an effect
    steps                   never import one another: they meet at names in the plan and at facts in the journal
    checks                  never import one another; chunks.py, digests.py, survey.py, heeding.py, extension.py,
                            catalogs.py, lookups.py and declared.py, which read for them, judge nothing, nor do
                            first_session.py and planting.py, which change scratch before and after they look
    lab/                    is imported by cli/ alone; itself knows connection.py and errors.py
"""

__version__ = "0.1.0"
