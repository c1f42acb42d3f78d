"""Probes state facts: plans and codecs are pure, only `probes.drivers` touches the world."""
