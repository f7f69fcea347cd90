"""``python -m camguard``."""

from camguard.cli import main

if __name__ == "__main__":
    main()
