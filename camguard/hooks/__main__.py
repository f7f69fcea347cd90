"""``python -m camguard.hooks``: what the unit camguard-hooks.service starts; see `camguard.hooks.main`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from camguard.hooks.main import main

    sys.exit(main())
