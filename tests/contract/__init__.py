"""How AWS behaves, one test for each behaviour that bites: against the lab, or with `--aws` against a real account."""
