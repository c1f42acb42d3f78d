"""The spool of what is to be sent, and the history of what was seen: one SQLite file."""
