"""The export: what the log says, for an investigator who has neither this machine nor camguard.

`extract` and `told` have it from the log's file or from the service, `redacting` leaves names out, `contents` says
what each file of the export holds, `page` is the readable one, `parcel` puts all of it into a zip, and `verify` is the
program that comes with it and checks it.
"""
