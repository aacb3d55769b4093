"""One integrity check per file: look, compare, return findings. Checks never import one another.

Ten files are no checks. `chunks.py` reads tables for them, by the hashes of `digests.py`; `survey.py` goes through
every database and each thing in it, `heeding.py` leaves a server that answers no more, and `extension.py` lends an
extension of the server for as long as that takes; `catalogs.py`, `lookups.py` and `declared.py` say what there is to
ask of catalogs, indexes and rows; `first_session.py` switches off what a restore could reach out with, before any check
looks; and `planting.py` damages scratch on purpose when all of them have answered.

Every check raises Unable where it cannot look at all; `verification.asked` turns that into a finding, in one place.
What can be told for one table or object and not for another is told one by one.
"""
