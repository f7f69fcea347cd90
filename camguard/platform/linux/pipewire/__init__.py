"""PipeWire: which app has a camera that PipeWire holds for it, and how that is ended."""
