"""Tells an MQTT broker whether a camera is on air, for Home Assistant and whatever else listens.

A process of its own, beside the guard, which has no network: `onair` works out what is so, `topics` what that is in
messages, `publisher` sees to it that the broker has them, whatever comes.
"""
