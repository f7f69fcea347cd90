"""The activation log: append-only entries in SQLite, each hashed with the one before.

`store` writes, `patient` keeps writing through a full disk, `queries` and `chain` read, `export` hands out.
"""
