"""The guard's events as entries of the systemd journal: documented fields, fixed ids, one plain sentence. No I/O."""
