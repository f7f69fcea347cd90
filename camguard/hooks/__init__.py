"""Programs that are run when something happens, with the event on their standard input: ``[hooks]``.

They run in a process of their own, beside the guard and without its rights: `follow` hears what happens, `runner` keeps
the hooks in their bounds, `running` runs one of them, `trust` says which it must not run.
"""
