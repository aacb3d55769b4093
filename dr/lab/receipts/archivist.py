"""Operations on a document and its object together, in the order that keeps both stores consistent at every instant.

At any moment, and after a kill at any point, a row that names an object version names one that exists and is the
current one:

    new         object first, then the row that names it
    replaced    the row lets go of its object (and says so), then the new version, then the row names it
    removed     the row first, then the object

The price is objects that no row names. That is the harmless direction.
"""

import hashlib
import random

from psycopg.types.json import Jsonb

from dr.lab.receipts import documents, names, objects
from dr.lab.receipts.objects import Stored
from dr.lab.receipts.reach import Database, Reach


def add(reach: Reach, database: Database, rng: random.Random) -> None:
    stored = objects.put(reach, objects.fresh_key(rng), objects.body(rng))
    with database.transaction(), database.cursor() as cursor:
        documents.insert(cursor, rng, stored)


def replace(reach: Reach, database: Database, rng: random.Random) -> None:
    with database.transaction(), database.cursor() as cursor:
        cursor.execute(
            """
            with chosen as (
                select id, object_key from documents where object_key like 'documents/%%' and object_key >= %s
                order by object_key limit 1 for update skip locked)
            update documents as d set status = 'replacing',
                object_key = null, object_version = null, sha256 = null, size = null,
                attributes = d.attributes || jsonb_build_object('replaces', chosen.object_key)
            from chosen where d.id = chosen.id returning d.id, chosen.object_key
            """,
            (objects.fresh_key(rng),),
        )
        row = cursor.fetchone()
    if row:
        _attach(database, row[0], objects.put(reach, row[1], objects.body(rng)))


def remove(reach: Reach, database: Database, rng: random.Random) -> None:
    with database.transaction(), database.cursor() as cursor:
        cursor.execute(
            """
            delete from documents where id = (
                select id from documents where object_key like 'documents/%%' and object_key >= %s
                order by object_key limit 1 for update skip locked)
            returning object_key
            """,
            (objects.fresh_key(rng),),
        )
        row = cursor.fetchone()
    if row:
        objects.delete(reach, row[0])


def finish_what_was_left(reach: Reach, database: Database) -> None:
    """Give documents whose replacement was cut short the object that stands under their key now."""
    with database.transaction(), database.cursor() as cursor:
        cursor.execute("select id, attributes ->> 'replaces' from documents where status = 'replacing'")
        left = cursor.fetchall()
    for document, key in left:
        answer = reach.s3(names.PRIMARY).get_object(Bucket=objects.BUCKET, Key=key)
        data = answer["Body"].read()
        _attach(database, document, Stored(key, answer["VersionId"], hashlib.sha256(data).hexdigest(), len(data)))


def _attach(database: Database, document: int, stored: Stored) -> None:
    with database.transaction(), database.cursor() as cursor:
        cursor.execute(
            """
            update documents set status = 'filed', object_key = %s, object_version = %s, sha256 = %s, size = %s,
                attributes = attributes - 'replaces' || %s
            where id = %s
            """,
            (stored.key, stored.version, stored.sha256, stored.size, Jsonb({"replaced": True}), document),
        )
