"""``python -m camguard.service``: see `camguard.service.main`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # asyncio takes OpenSSL with it wherever there is one, for a megabyte and a half. Nothing here speaks TLS; None
    # keeps a module from being imported (see sys.modules), and asyncio does without.
    sys.modules["ssl"] = None  # type: ignore[assignment]  # as documented, though not as typed
    from camguard.service.main import main

    sys.exit(main())
