"""The wide engine: thousands of traces in one process, by one set of sockets, with the deep engine's records."""
