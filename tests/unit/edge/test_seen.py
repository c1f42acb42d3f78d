"""Which echo bore a nonce, and what a STUN request is answered."""

from edge.seen import EchoLog, SeenEcho, stun_answer
from probes.wire.stun import build_binding_request, parse_binding_response

NONCE = bytes(range(16))


def nonce(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_an_echo_is_found_for_ten_seconds() -> None:
    log = EchoLog()
    log.add(NONCE, "192.0.2.1", 5, 100.0)
    assert log.find(NONCE, 109.9) == SeenEcho(address="192.0.2.1", realtime_ns=5)
    assert log.find(nonce(1), 100.0) is None
    assert log.find(NONCE, 110.0) is None
    assert len(log) == 0


def test_the_first_with_a_nonce_counts() -> None:
    log = EchoLog()
    log.add(NONCE, "192.0.2.1", 5, 100.0)
    log.add(NONCE, "203.0.113.66", 6, 100.1)
    assert log.find(NONCE, 101.0) == SeenEcho(address="192.0.2.1", realtime_ns=5)


def test_one_source_pushes_out_its_own_alone() -> None:
    log = EchoLog()
    log.add(NONCE, "192.0.2.1", 0, 0.0)
    for number in range(1_000):
        log.add(nonce(number), "192.0.2.66", 0, 1.0)
    assert len(log) == 65
    assert log.find(NONCE, 2.0)
    assert log.find(nonce(999), 2.0)
    assert log.find(nonce(0), 2.0) is None


def test_many_sources_do_not_make_it_grow() -> None:
    log = EchoLog()
    for number in range(20_000):
        log.add(nonce(number), f"source {number}", 0, 1.0)
    assert len(log) == 8_192
    assert log.find(nonce(19_999), 1.0)


def test_a_request_is_told_its_source() -> None:
    transaction = b"twelveoctets"
    for address in ("192.0.2.1", "2001:db8::1"):
        answer = stun_answer(build_binding_request(transaction), address, 4321)
        assert answer is not None
        told = parse_binding_response(answer, transaction)
        assert (told.address, told.port) == (address, 4321)


def test_who_demands_what_nobody_knows_is_refused_and_noise_is_left_alone() -> None:
    transaction = b"twelveoctets"
    demanding = (
        build_binding_request(transaction)[:2] + b"\0\4" + build_binding_request(transaction)[4:] + b"\0\x24\0\0"
    )
    answer = stun_answer(demanding, "192.0.2.1", 1)
    assert answer is not None
    assert parse_binding_response(answer, transaction).error_code == 420
    assert stun_answer(b"noise", "192.0.2.1", 1) is None
    assert stun_answer(answer, "192.0.2.1", 1) is None
