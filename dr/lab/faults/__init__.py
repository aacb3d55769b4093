"""Faults on demand: what can go wrong in a lab, and what does.

    catalogue.py  what there is: names, what each does and takes, as data
    ledger.py     what was injected, and how to undo it

Who does the damage stands where it is done: `rds/harm*.py` and `front/harm.py`.
"""
