"""A path watched live: what its probes came to so far, what changed, and who measures and shows it."""
