"""The activity page: what the log says, for people to look at, to search, to print and to hand on.

`spans` and `overview` work out what is to be shown, `page` makes it HTML, `files` puts it on the disk.
"""
