"""Decisions only: no input or output, no clock, no threads, no logging."""
