"""Configuration: YAML files and variables in, settings out, every error at once with its place."""
