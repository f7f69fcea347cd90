"""``python -m camguard.mqtt``: what the unit camguard-mqtt.service starts; see `camguard.mqtt.main`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from camguard.mqtt.main import main

    sys.exit(main())
