"""Every fault of the catalogue, injected into a real lab, and what a restore test says of it.

outcome.py    what a fault came to, and whether that is what the catalogue says
stage.py      one restored instance that is damaged, verified and put right again and again
whole.py      whole runs, with a fault waiting for them
expecting.py  the faults that tests here are made of, and which of them `make test` keeps
told.py       what each test found, for the table
__main__.py   the table: `python -m tests.catalogue FOLDER` writes docs/catalogue.md

Only `test_entries.py` needs no lab.
"""
