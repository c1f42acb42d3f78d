"""The whole vocabulary: importing this module registers every proposition."""

from typing import Final

from probes.sample import Sample
from rules.evidence import (
    agent,
    edge,
    egress,
    gateway,
    guards,
    names,
    network,
    path,
    proxy,
    proxy_failure,
    proxy_trace,
    service_data,
    session,
    target,
    topology,
    web,
)
from rules.evidence.scene import Scene
from rules.proposition import VOCABULARY, Finding, Proposition

SUBJECTS: Final = (
    agent,
    edge,
    egress,
    gateway,
    guards,
    names,
    network,
    path,
    proxy,
    proxy_failure,
    proxy_trace,
    service_data,
    session,
    target,
    topology,
    web,
)


def all_propositions() -> dict[str, Proposition]:
    """Return every proposition by name."""
    return VOCABULARY


class Evidence:
    """What each proposition comes to for one sample, worked out when first asked for."""

    def __init__(self, sample: Sample) -> None:
        self._scene = Scene(sample)
        self._known: dict[str, Finding] = {}

    def __getitem__(self, name: str) -> Finding:
        """Return one finding; a name that is not in the vocabulary is a KeyError."""
        finding = self._known.get(name)
        if finding is None:
            finding = self._known[name] = VOCABULARY[name].evaluate(self._scene)
        return finding

    @property
    def scene(self) -> Scene:
        """Return the sample with its places found."""
        return self._scene
