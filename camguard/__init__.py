"""camguard: a webcam privacy guard."""

__version__ = "0.1.0"
