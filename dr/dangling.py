"""Names in an estate that point at nothing, or at what they must not. Pure.

Apart from the models, so that each complaint can carry the line of the name itself.
"""

from dr.estate import Estate, Question


def dangling(estate: Estate) -> list[tuple[tuple[str | int, ...], str]]:
    """Every complaint: (place in the file, what is wrong)."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    owners: dict[str, str] = {}
    for name, application in estate.applications.items():
        here = ("applications", name)
        for index, reference in enumerate(application.references):
            place = (*here, "references", index)
            if reference.database not in application.databases:
                found.append(((*place, "database"), f"unknown database {reference.database!r}"))
            if reference.bucket not in application.buckets:
                found.append(((*place, "bucket"), f"unknown bucket {reference.bucket!r}"))
        asked: tuple[tuple[str, tuple[Question, ...]], ...] = (
            ("assertions", application.assertions),
            ("decryptions", application.decryptions),
        )
        for kind, questions in asked:
            found += [
                ((*here, kind, index, "database"), f"unknown database {question.database!r}")
                for index, question in enumerate(questions)
                if question.database not in application.databases
            ]
            names = [question.name for question in questions]
            found += [
                ((*here, kind, index, "name"), f"another of the {kind} is called {name!r} already")
                for index, name in enumerate(names)
                if name in names[:index]
            ]
        for kind, assets in (("databases", application.databases), ("buckets", application.buckets)):
            for asset in assets:
                if asset in owners:
                    found.append(((*here, kind, asset), f"{asset!r} already belongs to application {owners[asset]!r}"))
                if asset in estate.applications:
                    found.append(((*here, kind, asset), f"{asset!r} is the name of an application too"))
                owners[asset] = name
        for asset, bucket in application.buckets.items():
            if bucket.bucket == bucket.copy_:
                found.append(((*here, "buckets", asset, "copy"), "the copy is the bucket itself"))
    return found + _kept_as_scratch(estate)


def _kept_as_scratch(estate: Estate) -> list[tuple[tuple[str | int, ...], str]]:
    kept = dict.fromkeys(
        (
            name
            for application in estate.applications.values()
            for bucket in application.buckets.values()
            for name in (bucket.bucket, bucket.copy_)
        ),
        "is protected",
    )
    kept |= {name: f"holds {key}" for key, name in estate.stores.items()}
    return [
        (("sites", name, "scratch", "bucket"), f"{bucket!r} {kept[bucket]}: it cannot be scratch too")
        for name, site in (("primary", estate.sites.primary), ("recovery", estate.sites.recovery))
        if site.scratch and (bucket := site.scratch.bucket) in kept
    ]
