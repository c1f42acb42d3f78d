"""Laws of the path MTU: it ends, it never promises more than the path carries, and finds what answers show."""

from hypothesis import given, settings
from hypothesis import strategies as st

from probes.facts import MtuCertainty, MtuStepKind, PathMtu
from probes.trace.mtu_settings import MtuSettings
from tests.property.trace.mtu_model import Limiter, Model, Router, measure, silence, truth

_SETTINGS = MtuSettings()
# Three liars, two black holes and a limiter on a path of 300 ms take longer than anybody should wait.
_PATIENT = MtuSettings(longest_s=120, most_probes=2000)
_FOUND = frozenset({MtuCertainty.EXACT, MtuCertainty.SEARCHED})
_MTUS = st.one_of(st.integers(576, 1500), st.sampled_from([1500, 1500, 1492, 1480, 1400, 1280, 9000, 4470]))
_LIARS = (
    lambda _mtu, _size: 0,
    lambda _mtu, _size: 68,
    lambda mtu, _size: mtu - 37,
    lambda mtu, _size: mtu + 5,
    lambda _mtu, size: size,
    lambda _mtu, size: size + 100,
    lambda _mtu, _size: 65_535,
)
_STOCK = st.builds(Limiter, burst=st.just(6))
_STRICT = st.builds(Limiter, burst=st.integers(1, 3))


def _path(
    links: list[int], says: list[object], speaks: list[bool], limiters: list[Limiter], reports: list[Limiter]
) -> tuple[list[int], list[Router]]:
    routers = [
        Router(address=f"10.0.0.{hop}", says=say, speaks=speak, limiter=limiter, too_big_limiter=report)  # type: ignore[arg-type]
        for hop, (say, speak, limiter, report) in enumerate(zip(says, speaks, limiters, reports, strict=True), start=1)
    ]
    return links, routers


@st.composite
def _models(draw: st.DrawFn, *, says: st.SearchStrategy[object], wild: bool) -> Model:
    hops = draw(st.integers(0, 7))
    links, routers = _path(
        draw(st.lists(_MTUS, min_size=hops + 1, max_size=hops + 1)),
        draw(st.lists(says, min_size=hops, max_size=hops)),
        draw(st.lists(st.booleans() if wild else st.just(True), min_size=hops, max_size=hops)),
        draw(st.lists(_STRICT if wild else _STOCK, min_size=hops, max_size=hops)),
        draw(st.lists(_STRICT if wild else st.builds(Limiter), min_size=hops, max_size=hops)),
    )
    # What this host sends fits its own link, or the wire is a black hole of its own.
    host_mtu = draw(st.sampled_from([links[0], links[0], 1500, 9000]))
    return Model(
        links,
        routers,
        host_mtu=host_mtu,
        rtt_s=draw(st.sampled_from([0.0005, 0.02, 0.3])),
        loss=draw(st.sampled_from([0.0, 0.1, 0.4, 1.0])) if wild else 0.0,
        target_speaks=draw(st.booleans()) if wild else True,
        target_limiter=draw(st.builds(Limiter, burst=st.sampled_from([None, 3]))),
        told_link_mtu=draw(st.booleans()),
        host_drops=draw(st.sampled_from([None, None, links[0]])),
    )


_HONEST = st.just(truth)
_ANY = st.sampled_from([truth, silence, *_LIARS])


@given(_models(says=_ANY, wild=True), st.integers(0, 1000))
@settings(max_examples=400)
def test_it_ends_and_never_promises_more_than_the_path_carries(model: Model, seed: int) -> None:
    found, took_s = measure(model, seed=seed)
    assert took_s <= _SETTINGS.longest_s + 0.001
    assert found.sent <= _SETTINGS.most_probes
    if found.up_to_ttl is None:
        assert (found.at_least or 0) <= model.path_mtu
    else:
        assert (found.at_least or 0) <= min(model.host_mtu, *model.links[: found.up_to_ttl])
    if found.certainty in _FOUND:
        assert found.at_least is not None


@given(_models(says=_ANY, wild=False))
@settings(max_examples=400)
def test_complete_answers_give_the_exact_truth(model: Model) -> None:
    """Whatever routers say of the size: black holes and lies included, as long as nothing else is lost."""
    found, _ = measure(model, settings=_PATIENT)
    assert found.certainty in _FOUND
    assert found.at_least == model.path_mtu


@given(_models(says=_HONEST, wild=False))
@settings(max_examples=200)
def test_honest_routers_are_all_named(model: Model) -> None:
    found, _ = measure(model, settings=_PATIENT)
    expected = _narrowings(model)
    assert [(step.probe_ttl, step.mtu) for step in found.steps if step.kind is MtuStepKind.REPORTED] == expected
    assert all(step.reported_mtu == step.mtu for step in found.steps if step.kind is MtuStepKind.REPORTED)


@given(_models(says=_ANY, wild=False))
@settings(max_examples=200)
def test_the_narrowest_place_is_the_right_one(model: Model) -> None:
    found, _ = measure(model, settings=_PATIENT)
    assert found.steps == _in_order(found)
    if model.path_mtu < (found.link_mtu or 0):
        assert found.steps[-1].mtu == model.path_mtu
        assert found.steps[-1].probe_ttl == model.links.index(model.path_mtu)


def _narrowings(model: Model) -> list[tuple[int, int]]:
    """Return each hop behind which the path becomes narrower than anywhere before, and how narrow."""
    narrowest, found = min(model.host_mtu, model.links[0]), []
    for hop, mtu in enumerate(model.links[1:], start=1):
        if mtu < narrowest:
            narrowest = mtu
            found.append((hop, mtu))
    return found


def _in_order(found: PathMtu) -> tuple[object, ...]:
    return tuple(sorted(found.steps, key=lambda step: -step.mtu))
