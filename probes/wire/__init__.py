"""Bytes to headers and back, one protocol a file."""
