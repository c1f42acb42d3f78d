"""What a person may name as a target, and the line that each mistake gets."""

from dataclasses import replace
from itertools import starmap

import pytest

from probes.facts import Family
from probes.sample import Target
from probes.target import TargetError, parse_target

V4, V6 = Family.IPV4, Family.IPV6


def target(host: str, port: int | None = None, url: str | None = None, family: Family | None = None) -> Target:
    return Target(name=host, host=host, port=port, url=url, family=family, literal=family is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("crm.example.com", target("crm.example.com")),
        ("localhost", target("localhost")),
        ("_sip._tcp.example.com", target("_sip._tcp.example.com")),
        ("xn--bcher-kva.example", target("xn--bcher-kva.example")),
        ("1.2.3.4.example", target("1.2.3.4.example")),
        ("crm.example.com.", target("crm.example.com.")),
        ("crm.example.com:8443", target("crm.example.com", 8443)),
        ("crm.example.com:00443", target("crm.example.com", 443)),
        ("192.0.2.80", target("192.0.2.80", family=V4)),
        ("192.0.2.80:443", target("192.0.2.80", 443, family=V4)),
        ("2001:db8::1", target("2001:db8::1", family=V6)),
        ("2001:DB8:0:0::1", target("2001:db8::1", family=V6)),
        ("[2001:db8::1]", target("2001:db8::1", family=V6)),
        ("[2001:db8::1]:443", target("2001:db8::1", 443, family=V6)),
        ("fe80::1%eth0", target("fe80::1%eth0", family=V6)),
        ("[fe80::1%eth0]:80", target("fe80::1%eth0", 80, family=V6)),
        ("http://crm.example.com", target("crm.example.com", 80, "http://crm.example.com/")),
        ("https://crm.example.com/login", target("crm.example.com", 443, "https://crm.example.com/login")),
        ("https://crm.example.com:8443", target("crm.example.com", 8443, "https://crm.example.com:8443/")),
        ("HTTPS://CRM.Example.com", target("crm.example.com", 443, "https://crm.example.com/")),
        ("https://h.example/a?q=1#here", target("h.example", 443, "https://h.example/a?q=1")),
        ("https://h.example?to=me@x", target("h.example", 443, "https://h.example/?to=me@x")),
        ("https://192.0.2.80/", target("192.0.2.80", 443, "https://192.0.2.80/", V4)),
        ("https://[2001:db8::1]:1/x", target("2001:db8::1", 1, "https://[2001:db8::1]:1/x", V6)),
        ("http://[fe80::1%25eth0]/", target("fe80::1%eth0", 80, "http://[fe80::1%25eth0]/", V6)),
        ("https://h.example/\u00fc", target("h.example", 443, "https://h.example/%C3%BC")),
    ],
)
def test_a_good_target_is_read_whole(text: str, expected: Target) -> None:
    parsed = parse_target(text)
    assert isinstance(parsed, Target)
    assert replace(parsed, name=expected.name) == expected


def test_a_name_in_another_script_goes_out_as_dns_carries_it_and_is_shown_as_typed() -> None:
    parsed = parse_target("https://b\u00fccher.example/")
    assert isinstance(parsed, Target)
    assert parsed.name == "b\u00fccher.example"
    assert parsed.host == "xn--bcher-kva.example"
    assert parsed.url == "https://xn--bcher-kva.example/"


@pytest.mark.parametrize(
    ("text", "port", "expected"),
    [
        ("h.example", 443, 443),
        ("h.example:443", 443, 443),
        ("https://h.example", 8443, 8443),
        ("192.0.2.1", None, None),
    ],
)
def test_a_port_beside_the_target_counts_like_one_in_it(text: str, port: int | None, expected: int | None) -> None:
    parsed = parse_target(text, port=port)
    assert isinstance(parsed, Target)
    assert parsed.port == expected


@pytest.mark.parametrize(("text", "family"), [("192.0.2.1", V4), ("2001:db8::1", V6), ("h.example", V6)])
def test_a_family_asked_for_is_kept(text: str, family: Family) -> None:
    parsed = parse_target(text, family=family)
    assert isinstance(parsed, Target)
    assert parsed.family is family


PORTS = "ports go from 1 to 65535"
IPV4_HINT = "write four numbers from 0 to 255, as in 192.0.2.1"
IPV6_HINT = "write it as in 2001:db8::1, with a port as in [2001:db8::1]:443"
BLANK = "has a blank in it; name one host, address or URL, without blanks"
UNSEEN = "has a character that cannot be seen; type the target anew"
XN_FORM = "write the name's xn-- form"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the target is empty; name a host, an address or a URL"),
        (" ", f"' ' {BLANK}"),
        ("crm example", f"'crm example' {BLANK}"),
        ("crm.example\n", f"'crm.example\\n' {BLANK}"),
        ("crm\x1b[2J", f"'crm\\x1b[2J' {UNSEEN}"),
        ("a\u202eb.example", f"'a\\u202eb.example' {UNSEEN}"),
        ("a" * 10_000, "the target has 10,000 characters; 2,048 is the most that one can have"),
        ("a." * 127 + "a", f"'{'a.' * 30}...' is longer than the 253 characters that a name can have"),
        ("a" * 64 + ".x", f"'{'a' * 60}...' has a part of 64 characters; 63 is the most"),
        ("a..b", "'a..b' has nothing between two dots; check the name"),
        (".", "'.' has nothing between two dots; check the name"),
        ("-a.example", "'-a.example' has a part that starts or ends with a hyphen; check the name"),
        ("a$b", "'a$b' is no name, address or URL: a name cannot have '$' in it"),
        ("a_b!", "'a_b!' is no name, address or URL: a name cannot have '!' in it"),
        ("stra\u00dfe.example", f"'stra\u00dfe.example' has a letter that stands for two names; {XN_FORM}"),
        ("\u00fc" * 507, f"'{chr(0xFC) * 60}...' is longer than the 253 characters that a name can have"),
        ("\u00fc..x", f"'\u00fc..x' is no name that DNS can carry; {XN_FORM}"),
        ("user@h.example", "'user@h.example' has an @ in it; name the host alone"),
        ("h.example/login", "'h.example/login' is neither a host nor a URL; a URL starts with http:// or https://"),
        ("http:/h", "'http:/h' is neither a host nor a URL; a URL starts with http:// or https://"),
        ("192.0.2.0/24", "'192.0.2.0/24' is a network; name one address in it"),
        ("2001:db8::/32", "'2001:db8::/32' is a network; name one address in it"),
        ("ftp://h.example", "'ftp' URLs cannot be checked; use http:// or https://, or host:port"),
        ("https://", "there is no host in the target; name a host, an address or a URL"),
        ("https:///login", "there is no host in the target; name a host, an address or a URL"),
        ("https://u:p@h.example", "the URL has a user name or password in it; leave out everything up to the @"),
        ("https://h\\x", "'https://h\\x' has a backslash in it; URLs use /"),
        (":443", "there is no host in the target; name a host, an address or a URL"),
        ("h.example:", "there is a colon and no port behind it; write host:port, or the host alone"),
        ("h.example:http", f"port 'http' is no number; {PORTS}"),
        ("h.example:0", f"port '0' is out of range; {PORTS}"),
        ("h.example:65536", f"port '65536' is out of range; {PORTS}"),
        ("h.example:-1", f"port '-1' is no number; {PORTS}"),
        ("h.example:" + "9" * 1_000, f"port '{'9' * 60}...' is out of range; {PORTS}"),
        ("h.example:\u0664\u0664", f"port '\u0664\u0664' is no number; {PORTS}"),
        ("[2001:db8::1", "'[2001:db8::1' has no closing bracket; write [address] or [address]:port"),
        ("[2001:db8::1]443", "'[2001:db8::1]443' goes on after the bracket; write [address] or [address]:port"),
        ("[192.0.2.1]", "'[192.0.2.1]' is no IPv6 address; brackets are for IPv6 addresses only"),
        ("256.0.0.1", f"'256.0.0.1' is no IPv4 address; {IPV4_HINT}"),
        ("192.0.2", f"'192.0.2' is no IPv4 address; {IPV4_HINT}"),
        ("192.0.2.1.5", f"'192.0.2.1.5' is no IPv4 address; {IPV4_HINT}"),
        ("192.0.02.1", f"'192.0.02.1' is no IPv4 address; {IPV4_HINT}"),
        ("0x7f.1", f"'0x7f.1' is no IPv4 address; {IPV4_HINT}"),
        ("0x7f000001", f"'0x7f000001' is no IPv4 address; {IPV4_HINT}"),
        ("3232235777", f"'3232235777' is no IPv4 address; {IPV4_HINT}"),
        ("0.0.0.0", "0.0.0.0 is the address of no host; name one host"),
        ("224.0.0.1", "224.0.0.1 is a multicast address; name one host"),
        ("2001:db8:::1", f"'2001:db8:::1' is no IPv6 address; {IPV6_HINT}"),
        ("a:b:c", f"'a:b:c' is no IPv6 address; {IPV6_HINT}"),
        ("::", ":: is the address of no host; name one host"),
        ("ff02::1", "ff02::1 is a multicast address; name one host"),
        ("::ffff:192.0.2.1", "'::ffff:192.0.2.1' is an IPv4 address in disguise; write 192.0.2.1"),
        ("fe80::1%", "'fe80::1%' names no interface behind the %; write it as in fe80::1%eth0"),
        ("fe80::1%" + "x" * 16, f"'fe80::1%{'x' * 16}' names no interface behind the %; write it as in fe80::1%eth0"),
    ],
)
def test_each_mistake_has_its_line(text: str, message: str) -> None:
    assert parse_target(text) == TargetError(message)


@pytest.mark.parametrize(
    ("text", "port", "family", "message"),
    [
        ("h.example", 0, None, f"port 0 is out of range; {PORTS}"),
        ("h.example", 65_536, None, f"port 65536 is out of range; {PORTS}"),
        ("h.example:80", 81, None, "port 80 in the target and port 81 beside it; give one of the two"),
        ("https://h.example:80", 81, None, "port 80 in the target and port 81 beside it; give one of the two"),
        ("2001:db8::1", None, V4, "2001:db8::1 is no IPv4 address; leave -4 out, or name a host that has one"),
        ("192.0.2.1", None, V6, "192.0.2.1 is no IPv6 address; leave -6 out, or name a host that has one"),
    ],
)
def test_options_that_contradict_the_target(text: str, port: int | None, family: Family | None, message: str) -> None:
    assert parse_target(text, port=port, family=family) == TargetError(message)


def test_the_table_of_mistakes_is_free_of_what_could_move_a_cursor() -> None:
    lines = starmap(parse_target, [("\x00",), ("\x07\x08",), ("\u2028x",), ("\udcff",)])
    assert all(isinstance(line, TargetError) and line.message.isprintable() for line in lines)
