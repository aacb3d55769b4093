"""What a restore is furnished with so that it can be damaged, and how: in its catalogs, its files and its host."""

import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dr.lab.engine.account import Account
from dr.lab.engine.cluster import Cluster

PAGE = 8192
RARE = 7654321
"""A number that stands once in a table, and is easily found in a file."""
HIGHEST = RARE + 2
"""With one bit flipped it is less."""

FURNITURE = f"""
create table docs (id int primary key, tags int[] not null, body text, big text, span int4range, place point);
insert into docs select i, array[i, i % 13, i + 50000], 'body ' || i,
    (select string_agg(md5((i * j)::text), '') from generate_series(1, 300) j), int4range(i, i + 5), point(i, i)
    from generate_series(1, 300) i;
insert into docs values ({RARE}, '{{{RARE}}}', 'rare', null, null, null);
create index docs_tags on docs using gin (tags);
create index docs_body on docs using hash (body);
create index docs_span on docs using gist (span);
create index docs_place on docs using spgist (place);
create index docs_id on docs using brin (id);
create table ranged (n int);
insert into ranged select generate_series(1, 20000);
insert into ranged values ({HIGHEST});
create index ranged_n on ranged using brin (n) with (pages_per_range = 1);
create table flipped (id int primary key, n int);
insert into flipped select i, i from generate_series(1, 2000) i;
insert into flipped values ({RARE}, 0);
create table keyed (id int primary key);
insert into keyed select generate_series(1, 2000);
insert into keyed values ({RARE});
create table quiet (n int, t text);
insert into quiet select i, repeat('x', 100) from generate_series(1, 2000) i;
create table marked (n int) with (autovacuum_enabled = false);
insert into marked select generate_series(1, 2000);
create table parents (a int, b int, primary key (a, b));
create table children (a int, b int, foreign key (a, b) references parents);
create table matched (a int, b int, foreign key (a, b) references parents match full);
create table tree (id int primary key, above int references tree);
create table years (id int primary key) partition by range (id);
create table years_1 partition of years for values from (0) to (100);
create table years_2 partition of years default;
create table days (year int references years, k int) partition by list (k);
create table days_1 partition of days for values in (1);
create table days_2 partition of days default;
insert into parents select i, i + 1 from generate_series(1, 50) i;
insert into children select i, i + 1 from generate_series(1, 50) i;
insert into children values (1, null), (null, null);
insert into matched values (null, null), (1, 2);
insert into tree select i, nullif(i - 1, 0) from generate_series(1, 50) i;
insert into years select generate_series(1, 300);
insert into days select i, i % 3 from generate_series(1, 300) i;
create domain positive as int check (value > 0);
create table promised (id int check (id > 0), n int not null, p positive, u text unique);
insert into promised select i, i, i, 'u' || i from generate_series(1, 50) i;
create domain named as text check (value = current_setting('application_name'));
create table fickle (n int check (n::text ~ '^[0-9]') check (n in (1, 2)), name named,
    written text constraint by_session check (written = current_setting('application_name')));
insert into fickle select 1, current_setting('application_name'), current_setting('application_name');
create table booked (during int4range, exclude using gist (during with &&));
insert into booked select int4range(i * 10, i * 10 + 9) from generate_series(1, 50) i;
create collation english (provider = libc, locale = 'en_US.utf8');
create table words (word text collate english primary key);
insert into words select substr('abcdefghijklmnopqrstuvwxyz', i % 26 + 1, 1) || i from generate_series(1, 500) i;
alter table notes add constraint later check (other <> 'never') not valid;
vacuum (freeze, analyze);
delete from marked where n % 2 = 0;
"""
# So many that those to be lost do not stand where the index takes in the functions of extensions that checks borrow: it
# would clear up there, and stumble.
FUNCTIONS = """
do $$ begin
    for i in 1..1200 loop
        execute format('create function made_%s(int) returns int language sql as ''select $1 + %s''', i, i);
    end loop;
end $$;
vacuum pg_proc;
"""
# As the hidden superuser, past every trigger and rule.
HARM = """
set session_replication_role = replica;
delete from parents where a = 7;
insert into matched values (1, null);
delete from tree where id = 9;
delete from years where id = 200;
alter table promised drop constraint promised_id_check;
insert into promised values (-1, 1, 1, null);
alter table promised add constraint promised_id_check check (id > 0) not valid;
alter table promised alter n drop not null;
insert into promised values (1, null, 1, null);
update pg_attribute set attnotnull = true where attrelid = 'promised'::regclass and attname = 'n';
alter domain positive drop constraint positive_check;
insert into promised values (1, 1, -1, null);
alter domain positive add constraint positive_check check (value > 0) not valid;
update pg_index set indisready = false, indisvalid = false where indexrelid = 'promised_u_key'::regclass;
insert into promised values (1, 1, 1, 'u1');
update pg_index set indisready = true, indisvalid = true where indexrelid = 'promised_u_key'::regclass;
update pg_constraint set convalidated = true where conname in ('promised_id_check', 'positive_check');
update pg_index set indisvalid = false where indexrelid = 'docs_span'::regclass;
"""


@dataclass(frozen=True)
class Abroad(Account):
    """Runs servers on a host with locales of its own."""

    locales: Path = Path("/")

    def run(self, command: object, *, environment: Mapping[str, str] | None = None, **words: object) -> str:  # type: ignore[override]
        surroundings = {**(environment or {}), "LOCPATH": str(self.locales)}
        return super().run(command, environment=surroundings, **words)  # type: ignore[arg-type]


def hosts(home: Path) -> tuple[Path, Path]:
    """Two hosts that both have an `en_US.utf8` of the same version, and order letters differently."""
    found = []
    for name, order in (("one", "en_US"), ("other", "et_EE")):
        place = home / f"locales-{name}"
        place.mkdir(mode=0o755)
        shutil.copytree("/usr/lib/locale/C.utf8", place / "C.utf8")
        subprocess.run(["localedef", "-i", order, "-f", "UTF-8", place / "en_US.utf8"], check=True, capture_output=True)
        found.append(place)
    return found[0], found[1]


def on(cluster: Cluster, locales: Path) -> Cluster:
    """The same, on a host with these locales."""
    account = cluster.machine.account
    cluster.machine = replace(cluster.machine, account=Abroad(account.uid, account.gid, locales))
    return cluster


def swap(path: Path, old: int) -> None:
    """Flip one bit of a number, wherever it stands in a file."""
    content = path.read_bytes()
    assert struct.pack("<i", old) in content
    path.write_bytes(content.replace(struct.pack("<i", old), struct.pack("<i", old ^ 2)))


def blank(path: Path, page: int) -> None:
    """A page of zeros."""
    pages = path.stat().st_size // PAGE
    with path.open("r+b") as file:
        file.seek(page % pages * PAGE)
        file.write(bytes(PAGE))
