"""The only code that touches sockets, host files and the process table."""
