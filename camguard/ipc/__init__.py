"""Between the service and its clients: a pure protocol, a server, and a small client."""
