"""The version of the agent, in one place."""

VERSION = "0.1.0"
