"""A process that writes to a journal until it is killed: ``python -m tests.support.journal_writer PATH [COUNT]``.

Prints the number of each entry once `append` has returned, that is once it was promised to be on disk.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from camguard.journal.store import Journal
from tests.support.journal_data import FixedClock, life


def main() -> None:
    journal = Journal.open(Path(sys.argv[1]), FixedClock())
    batches = range(int(sys.argv[2])) if len(sys.argv) > 2 else count()
    for number in batches:
        for report in journal.append(life(number + 1, number)):
            sys.stdout.write(f"{report.seq}\n")
        sys.stdout.flush()
    journal.close()


if __name__ == "__main__":
    main()
