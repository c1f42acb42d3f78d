"""Calls an edge as an agent does, with nothing but the standard library: HTTP, STUN over UDP and TCP, echoes.

python -I -S edge_caller.py ADDRESS '[{"do": "get", "path": "/v1/service-data"}, …]'

Prints a JSON list with one object for each call. `source` is the address to call from, `token` None sends none.
"""

import http.client
import json
import os
import socket
import struct
import sys
from typing import Any, Final

# The lab's, of networks that nobody else reaches.
TOKEN: Final = "the-first-token-of-the-lab"  # noqa: S105
PORT: Final = 8443
TIMEOUT_S: Final = 15.0
COOKIE: Final = bytes.fromhex("2112a442")


def http_call(address: str, call: dict[str, Any]) -> dict[str, Any]:
    """Return status, headers and document of one request."""
    source = (call["source"], 0) if "source" in call else None
    connection = http.client.HTTPConnection(address, call.get("port", PORT), timeout=TIMEOUT_S, source_address=source)
    headers = {"Content-Type": "application/json", **call.get("headers", {})}
    if (token := call.get("token", TOKEN)) is not None:
        headers["Authorization"] = f"Bearer {token}"
    body = call.get("body")
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", call["path"], text, headers)
    response = connection.getresponse()
    return {"status": response.status, "headers": dict(response.headers), "json": json.loads(response.read())}


def stun(address: str, call: dict[str, Any]) -> dict[str, Any]:
    """Return the address that STUN tells, masked as RFC 8489 section 14.2 says."""
    kind = socket.SOCK_STREAM if call["do"] == "stun_tcp" else socket.SOCK_DGRAM
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    asking = socket.socket(family, kind)
    asking.settimeout(call.get("timeout_s", 3.0))
    asking.bind((call.get("source", "::" if family == socket.AF_INET6 else "0.0.0.0"), 0))
    transaction = os.urandom(12)
    try:
        asking.connect((address, call["port"]))
        asking.send(call["raw"].encode() if "raw" in call else bytes.fromhex("00010000") + COOKIE + transaction)
        answer = asking.recv(600)
    except OSError as error:
        return {"error": type(error).__name__}
    if answer[:2] != b"\x01\x01" or answer[8:20] != transaction:
        return {"error": answer.hex()}
    mask = (COOKIE + transaction)[: len(answer) - 28]
    masked = answer[28:]
    told = bytes(one ^ other for one, other in zip(masked, mask, strict=True))
    port = struct.unpack("!H", answer[26:28])[0] ^ 0x2112
    return {
        "address": socket.inet_ntop(family, told),
        "port": port,
        "own_port": asking.getsockname()[1],
        "octets": len(answer),
    }


def echo(address: str, call: dict[str, Any]) -> dict[str, Any]:
    """Send an echo request whose payload begins with a nonce; the kernel fills in the checksum of ICMPv6 alone."""
    new = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if new else (socket.AF_INET, socket.IPPROTO_ICMP)
    sending = socket.socket(family, socket.SOCK_RAW, protocol)
    if "source" in call:
        sending.bind((call["source"], 0))
    message = bytes([128 if new else 8, 0, 0, 0, 1, 2, 3, 4]) + bytes.fromhex(call["nonce"]) + b"more"
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    sending.sendto(message[:2] + struct.pack("!H", checksum) + message[4:], (address, 0))
    return {}


CALLS: Final = {"http": http_call, "stun_udp": stun, "stun_tcp": stun, "echo": echo}


def main(address: str, calls: list[dict[str, Any]]) -> None:
    """Make every call, and print what came of each."""
    sys.stdout.write(json.dumps([CALLS[call["do"]](address, call) for call in calls]))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
