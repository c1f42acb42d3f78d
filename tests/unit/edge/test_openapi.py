"""The running edge and edge/openapi.yaml agree: every answer is one that the file describes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import edge
from agent.config.types import LARGEST_TTL, MOST_QUERIES
from edge.asked import TraceRequest
from probes.facts import Direction, ProtocolChoice
from tests.unit.edge.running import Running, running

FILE = Path(edge.__file__).parent / "openapi.yaml"
DOCUMENT = yaml.safe_load(FILE.read_text(encoding="utf-8"))
RECORD = json.loads((Path(__file__).parents[3] / "docs/schema/cloudpath.sample-1.schema.json").read_text())
REGISTRY: Registry[Any] = Registry().with_resources(
    [
        ("urn:edge", DRAFT202012.create_resource(DOCUMENT)),
        (RECORD["$id"], Resource.from_contents(RECORD)),
    ]
)
NONCE = "0123456789abcdef" * 2

ASKED: list[tuple[str, str, object, int]] = [
    ("GET", "/v1/service-data", None, 200),
    ("GET", f"/v1/seen/icmp/{NONCE}", None, 404),
    ("POST", "/v1/traces", {"direction": "reverse"}, 200),
    ("POST", "/v1/traces", {"direction": "reverse"}, 200),
    ("POST", "/v1/traces", {"direction": "reverse", "protocol": "udp", "queries": 20, "max_ttl": 255}, 200),
    ("POST", "/v1/traces", {"direction": "forward", "host": "127.0.0.2", "port": 9, "protocol": "tcp"}, 200),
    ("POST", "/v1/traces", {"direction": "forward", "host": "::1"}, 200),
    ("POST", "/v1/traces", {"direction": "forward", "host": "127.0.0.3"}, 403),
    ("POST", "/v1/traces", {"direction": "forward"}, 422),
    ("POST", "/v1/traces", {"direction": "reverse", "host": "127.0.0.2"}, 422),
    ("POST", "/v1/traces", {"direction": "up", "queries": 0, "max_ttl": "1", "more": True}, 422),
    ("POST", "/v1/traces", "{", 400),
    ("POST", "/v1/traces", "[" * 3_000, 400),
    ("POST", "/v1/traces", " " * 5_000, 413),
    ("POST", "/v1/service-data", {}, 405),
    ("GET", "/v1/traces", None, 405),
]


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("edge"), limits={"traces_per_minute": 4}) as serving:
        yield serving


def operation_of(method: str, path: str) -> dict[str, Any]:
    """Return what the file says of a request; of a method that it does not know, the path's own one."""
    (known,) = (item for name, item in DOCUMENT["paths"].items() if path.startswith(name.partition("{")[0]))
    operations = {name: item for name, item in known.items() if name != "parameters"}
    operation: dict[str, Any] = operations.get(method.lower()) or next(iter(operations.values()))
    return operation


def check(method: str, path: str, loop: Running, answer: Any) -> None:
    """Hold one answer against what the file says of its status."""
    response = operation_of(method, path)["responses"][str(answer.status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    media_type = answer.headers["Content-Type"]
    schema = response["content"][media_type]["schema"]
    validator = Draft202012Validator({"$ref": f"urn:edge{schema['$ref']}"}, registry=REGISTRY)
    validator.validate(answer.json)
    for name, header in response.get("headers", {}).items():
        Draft202012Validator(header["schema"]).validate(answer.headers[name])
    assert answer.headers["Cache-Control"] == "no-store"
    assert loop.process.poll() is None


@pytest.mark.parametrize(("method", "path", "body", "status"), ASKED)
def test_every_answer_is_as_the_file_says(loop: Running, method: str, path: str, body: object, status: int) -> None:
    answer = loop.ask(method, path, body)
    assert answer.status == status, answer
    check(method, path, loop, answer)


@pytest.mark.parametrize("token", [None, "", "another", "a-token-for-loopback-alone2"])
def test_without_a_token_there_is_nothing(loop: Running, token: str | None) -> None:
    for method, path, body, _ in ASKED[:3]:
        answer = loop.ask(method, path, body, token=token)
        assert answer.status == 401
        check(method, path, loop, answer)


def test_too_much_is_refused_with_the_time_to_wait(loop: Running) -> None:
    """The requests above had three of the four traces of a minute made: equal ones cost nothing."""
    statuses = []
    for port in range(1, 6):
        answer = loop.ask("POST", "/v1/traces", {"direction": "reverse", "port": port})
        check("POST", "/v1/traces", loop, answer)
        statuses.append(answer.status)
    assert statuses[-1] == 429
    assert loop.ask("GET", "/v1/service-data").status == 200


def test_a_body_of_another_kind_is_refused(loop: Running) -> None:
    answer = loop.ask("POST", "/v1/traces", {"direction": "reverse"}, media_type="text/plain")
    assert answer.status == 400
    check("POST", "/v1/traces", loop, answer)


def test_the_file_describes_the_request_that_is_read() -> None:
    described = DOCUMENT["components"]["schemas"]["TraceRequest"]["properties"]
    assert list(described) == list(TraceRequest.model_fields)
    assert set(described["direction"]["enum"]) == set(Direction)
    assert set(described["protocol"]["enum"]) == set(ProtocolChoice)
    assert (described["max_ttl"]["maximum"], described["queries"]["maximum"]) == (LARGEST_TTL, MOST_QUERIES)
    defaults = {name: item["default"] for name, item in described.items() if "default" in item}
    assert defaults == {name: TraceRequest(direction=Direction.REVERSE).model_dump()[name] for name in defaults}


def test_the_file_is_valid_openapi() -> None:
    """Its schemas are JSON Schema 2020-12 (OpenAPI 3.1.0, section 4.8.24), and every reference leads somewhere."""
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    resolver = REGISTRY.resolver("urn:edge")
    for reference in references(DOCUMENT):
        assert resolver.lookup(reference).contents


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "$ref" else references(value)
    if isinstance(node, list):
        for item in node:
            yield from references(item)
