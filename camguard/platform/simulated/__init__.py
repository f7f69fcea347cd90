"""A real backend without a camera: plain files stand for cameras, psutil finds who holds them.

It runs wherever Python and psutil do, carries the demo and the tests, and is chosen by the configuration. Its cameras
can also be watched by another platform's sensor: so what stands in for the cameras does without the rest.
"""
