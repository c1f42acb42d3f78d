import pytest

from probes.host_facts import Resolver
from probes.resolv_conf import ResolvConf, parse_resolv_conf


def test_a_usual_file() -> None:
    text = (
        "# by hand\nnameserver 10.0.0.53\nnameserver fe80::1%eth0\nsearch a.example b.example.\noptions ndots:3 edns0\n"
    )
    assert parse_resolv_conf(text) == ResolvConf(
        resolvers=(Resolver(address="10.0.0.53"), Resolver(address="fe80::1%eth0")),
        search_domains=("a.example", "b.example"),
        ndots=3,
    )


def test_an_empty_file_names_no_resolver() -> None:
    assert parse_resolv_conf("") == ResolvConf()


@pytest.mark.parametrize(
    "line",
    ["#nameserver 10.0.0.1", ";nameserver 10.0.0.1", " nameserver 10.0.0.1", "nameserver", "nameserver example.com"],
)
def test_lines_that_the_c_library_skips_are_skipped(line: str) -> None:
    assert parse_resolv_conf(line).resolvers == ()


def test_a_fourth_resolver_is_never_asked() -> None:
    text = "".join(f"nameserver 10.0.0.{n}\n" for n in range(1, 6))
    assert [one.address for one in parse_resolv_conf(text).resolvers] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("domain a.example ignored", ("a.example",)),
        ("search a.example\ndomain b.example", ("b.example",)),
        ("domain b.example\nsearch a.example", ("a.example",)),
        ("search .", ()),
        ("", ("corp.example",)),
    ],
)
def test_the_search_list(text: str, search: tuple[str, ...]) -> None:
    assert parse_resolv_conf(text, hostname="host.corp.example").search_domains == search


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("ndots:99 timeout:99 attempts:99", (15, 30, 5)),
        ("ndots:0 timeout:0 attempts:0", (0, 1, 1)),
        ("ndots: timeout:x attempts:-1 rotate", (1, 5, 2)),
    ],
)
def test_options_keep_the_c_librarys_bounds(options: str, expected: tuple[int, int, int]) -> None:
    conf = parse_resolv_conf(f"options {options}")
    assert (conf.ndots, conf.timeout_s, conf.attempts) == expected
