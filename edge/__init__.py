"""The far end: what a service edge tells agents of themselves, and the traces that only it can make."""
