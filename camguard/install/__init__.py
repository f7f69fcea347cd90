"""Puts the system service on a machine, and takes it away again.

`plan` says what there is to do, as plain data; `carry` does it, and undoes it where a step fails. What it copies comes
from `packages`, what it may build on from `trust`; `machine` and `systemd` say how things stand.
"""
