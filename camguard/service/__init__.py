"""The guard as a service of the system: for everybody on the machine, asked through a socket."""
