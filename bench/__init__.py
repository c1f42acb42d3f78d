"""Measures the engine beside its peers; nothing here is shipped."""
