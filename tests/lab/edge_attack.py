"""Ten thousand requests that an edge must not act on, from one node: what each got, counted by kind.

python -I -S edge_attack.py ADDRESS COUNT

Every kind but the slow ones is sent in turn, on connections of its own; prints one JSON object.
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

TOKEN: Final = "the-first-token-of-the-lab"  # noqa: S105 - the lab's
PORT: Final = 8443
STUN_PORT: Final = 3478
UDP_PORT: Final = 33500
# With the slow ones well below what one address may hold open.
AT_ONCE: Final = 20
WITHIN_S: Final = 15.0
# So many connections are held open by slow callers, beside the others.
SLOW: Final = 40
# Nobody of whom the edge lists, in the spellings that a careless reader takes for somebody else.
ELSEWHERE: Final = (
    "203.0.113.74",
    "8.8.8.8",
    "127.0.0.1",
    "localhost",
    "resolver.example.test",
    "app.example.test.evil.test",
    "::ffff:203.0.113.74",
    "64:ff9b::cb00:714a",
    "fe80::1%to-core",
    "0",
    "2130706433",
    "0x7f.1",
    "198.51.100.2/24",
)

Exchange = Callable[[str], Awaitable[str]]


def request(path: str, body: bytes = b"", token: str | None = TOKEN, more: str = "") -> bytes:
    """Return the octets of one request; a body makes it a POST."""
    method = "POST" if body else "GET"
    lines = [f"{method} {path} HTTP/1.1", "Host: edge", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"Content-Length: {len(body)}"] if body and "Transfer-Encoding" not in more else []
    return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode() + body


def trace(**asked: object) -> bytes:
    """Return the body of a trace request."""
    return json.dumps(asked).encode()


def elsewhere() -> bytes:
    """Return a trace request for somebody who is not listed."""
    return request("/v1/traces", trace(direction="forward", host=random.choice(ELSEWHERE)))  # noqa: S311 - no secret


def oversized() -> bytes:
    """Return a request that is larger than any of ours."""
    body = trace(direction="reverse", port=1)
    chunk = b"%x\r\n%s\r\n" % (3000, b"{" * 3000)
    return random.choice(  # noqa: S311
        [
            request("/v1/traces", body + b" " * 5_000),
            request("/v1/traces", body, more="X-More: " + "y" * 9_000 + "\r\n"),
            request("/" + "z" * 9_000),
            request("/v1/traces", b" ", more="Transfer-Encoding: chunked\r\n")[:-1] + chunk * 3 + b"0\r\n\r\n",
            b"POST /v1/traces HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer " + TOKEN.encode()
            + b"\r\nContent-Length: 99999999999999999999\r\n\r\n{",
        ]
    )  # fmt: skip


def malformed() -> bytes:
    """Return what is no HTTP, no JSON, or no trace request."""
    return random.choice(  # noqa: S311
        [
            os.urandom(60),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(80),
            b"GET\r\n\r\n",
            b"GET /v1/service-data HTTP/1.1\r\nHost: e\r\nHost: f\r\n\r\n",
            b"POST /v1/traces HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            request("/v1/traces", b"{" + os.urandom(20)),
            request("/v1/traces", b"[" * 2_000),
            request("/v1/traces", trace(direction="reverse", host="198.51.100.2")),
            request("/v1/traces", trace(direction="sideways")),
            request("/v1/traces", trace(direction="forward", host="x" * 300)),
            request("/v1/traces", trace(direction="forward", host="\x00\x1b[31m\n")),
            request("/v1/traces", trace(direction="reverse", max_ttl=10**30)),
            request("/v1/traces", b'{"direction":"reverse","direction":"reverse","queries":NaN}'),
            request("/v1/seen/icmp/" + "g" * 32),
            request("/../../etc/passwd"),
        ]
    )


def unknown() -> bytes:
    """Return a request with no token, or with one that nobody has."""
    wrong = random.choice([None, "", "wrong", TOKEN[:-1], TOKEN + "x", "the-second-token", "a" * 4_000])  # noqa: S311
    return request("/v1/traces", trace(direction="reverse"), token=wrong)


async def http(address: str, data: bytes) -> str:
    """Send octets on a connection of their own; return the status, or how it ended."""
    try:
        reader, writer = await asyncio.open_connection(address, PORT)
    except OSError as error:
        return type(error).__name__
    try:
        writer.write(data)
        status = (await asyncio.wait_for(reader.readline(), WITHIN_S)).split()
        return status[1].decode() if len(status) > 1 else "closed"
    except OSError as error:
        return type(error).__name__
    finally:
        writer.close()


async def packets(address: str) -> str:
    """Send noise to the ports for packets; return "sent"."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(address, UDP_PORT))
    transport.sendto(os.urandom(40))
    transport.close()
    try:
        _, writer = await asyncio.open_connection(address, STUN_PORT)
        writer.write(os.urandom(40))
        writer.close()
    except OSError as error:
        return type(error).__name__
    return "sent"


async def slow(address: str) -> str:
    """Send a head octet by octet until the other end has enough; return what it said."""
    reader, writer = await asyncio.open_connection(address, PORT)
    answer = asyncio.create_task(reader.readline())
    for octet in request("/v1/traces", trace(direction="reverse")):
        writer.write(bytes([octet]))
        await asyncio.wait([answer], timeout=0.5)
        if answer.done():
            break
    status = (await answer).split()
    writer.close()
    return status[1].decode() if len(status) > 1 else "closed"


KINDS: Final[dict[str, Exchange]] = {
    "unknown": lambda address: http(address, unknown()),
    "elsewhere": lambda address: http(address, elsewhere()),
    "oversized": lambda address: http(address, oversized()),
    "malformed": lambda address: http(address, malformed()),
    "packets": packets,
}


async def main(address: str, count: int) -> None:
    """Send everything; print what came of each kind."""
    room = asyncio.Semaphore(AT_ONCE)
    results: dict[str, Counter[str]] = {name: Counter() for name in (*KINDS, "slow")}

    async def one(name: str) -> None:
        async with room:
            results[name][await KINDS[name](address)] += 1

    slowly = [asyncio.create_task(slow(address)) for _ in range(SLOW)]
    names = list(KINDS)
    await asyncio.gather(*(one(names[index % len(names)]) for index in range(count)))
    for task in slowly:
        results["slow"][await task] += 1
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    random.seed(4)
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
