"""The shapes in which a record leaves the agent, one file a format."""
