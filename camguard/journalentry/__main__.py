"""``python -m camguard.journalentry``: the catalog file, or with ``fields`` the README's table of the fields."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from camguard.journalentry.fields import table
    from camguard.journalentry.kinds import catalog

    sys.stdout.write(table() if sys.argv[1:] == ["fields"] else catalog())
