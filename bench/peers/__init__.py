"""Peers that are libraries: each as the small program that a person would write with it."""
