"""One file for each subcommand: what it accepts, and what it does with it."""
