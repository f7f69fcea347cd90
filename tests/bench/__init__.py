"""How fast camguard is, beside floors and peers measured in the same run: ``python -m tests.bench``."""
