"""Faults on demand: what can go wrong in a lab, and what does.

    catalogue.py  what there is: all of it, and what somebody asked for, checked
    entries.py    what an entry says: what a fault does, stands for and takes, and where it is found
    of_*.py       the entries, as data
    ledger.py     what was injected, and how to undo it

Who does the damage stands where it is done: `rds/harm*.py` and `front/harm.py`.
"""
