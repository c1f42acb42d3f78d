import pytest

from probes.proxy import NO_PROXY, ProxyChoice, ProxyError, choose_proxy, credentials
from probes.web_facts import ProxyMode

PROXY = {"https_proxy": "http://proxy.example:3128"}


def choose(
    environment: dict[str, str], *, setting: str = "environment", scheme: str = "https", host: str = "crm.example.com"
) -> ProxyChoice | ProxyError:
    return choose_proxy(setting, scheme=scheme, host=host, port=443, environment=environment)


def host_of(choice: ProxyChoice | ProxyError) -> str | None:
    assert isinstance(choice, ProxyChoice)
    return choice.host


@pytest.mark.parametrize(
    ("environment", "scheme", "expected"),
    [
        ({}, "https", None),
        ({"https_proxy": "http://a:1"}, "https", "a"),
        ({"https_proxy": "http://a:1"}, "http", None),
        ({"HTTPS_PROXY": "http://a:1"}, "https", "a"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:1"}, "https", "b"),
        ({"all_proxy": "http://a:1"}, "http", "a"),
        ({"all_proxy": "http://a:1", "https_proxy": "http://b:1"}, "https", "b"),
        ({"http_proxy": "http://a:1"}, "http", "a"),
        ({"HTTP_PROXY": "http://a:1"}, "http", "a"),
        ({"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"}, "http", None),
        ({"http_proxy": "http://a:1", "REQUEST_METHOD": "GET"}, "http", "a"),
        ({"https_proxy": ""}, "https", None),
    ],
)
def test_the_environment(environment: dict[str, str], scheme: str, expected: str | None) -> None:
    assert host_of(choose(environment, scheme=scheme)) == expected


@pytest.mark.parametrize(
    ("no_proxy", "host", "exempt"),
    [
        ("*", "crm.example.com", True),
        ("example.com", "crm.example.com", True),
        ("example.com", "example.com", True),
        (".example.com", "example.com", True),
        ("*.example.com", "crm.example.com", True),
        ("example.com", "badexample.com", False),
        ("EXAMPLE.com", "CRM.example.COM.", True),
        ("example.com:443", "crm.example.com", True),
        ("example.com:8443", "crm.example.com", False),
        ("other.org, example.com", "crm.example.com", True),
        ("other.org example.com", "crm.example.com", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("10.1.2.3:80", "10.1.2.3", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("[2001:db8::1]:443", "2001:db8::1", True),
        ("[2001:db8::1]:80", "2001:db8::1", False),
        ("2001:db8::1", "2001:db8::2", False),
        ("10.0.0.0/8", "crm.example.com", False),
        ("2.3", "10.1.2.3", False),
        (".", "crm.example.com", False),
        ("", "crm.example.com", False),
    ],
)
def test_no_proxy(no_proxy: str, host: str, *, exempt: bool) -> None:
    choice = choose(PROXY | {"no_proxy": no_proxy}, host=host)
    assert (choice == NO_PROXY) is exempt


def test_lower_case_no_proxy_wins() -> None:
    assert host_of(choose(PROXY | {"no_proxy": "other.org", "NO_PROXY": "*"})) == "proxy.example"


def test_a_proxy_that_was_named_applies_whatever_the_environment_says() -> None:
    choice = choose({"no_proxy": "*"}, setting="http://10.0.0.1:3128")
    assert isinstance(choice, ProxyChoice)
    assert (choice.mode, choice.host, choice.port) == (ProxyMode.EXPLICIT, "10.0.0.1", 3128)


def test_none_is_none() -> None:
    assert choose(PROXY, setting="none") == NO_PROXY


@pytest.mark.parametrize(
    ("text", "url", "port"),
    [
        ("http://proxy.example", "http://proxy.example:8080", 8080),
        ("https://proxy.example", "https://proxy.example:443", 443),
        ("proxy.example:3128", "http://proxy.example:3128", 3128),
        ("http://[2001:db8::1]:3128/", "http://[2001:db8::1]:3128", 3128),
    ],
)
def test_a_proxys_url(text: str, url: str, port: int) -> None:
    choice = choose({}, setting=text)
    assert isinstance(choice, ProxyChoice)
    assert (choice.url, choice.port) == (url, port)


def test_credentials_are_kept_out_of_sight() -> None:
    choice = choose({}, setting="http://jo:p%40ss@proxy.example:3128")
    assert isinstance(choice, ProxyChoice)
    assert (choice.username, choice.password) == ("jo", "p@ss")
    assert "p@ss" not in repr(choice)
    assert "jo" not in f"{choice} {choice.url} {[choice.username]}"


@pytest.mark.parametrize(
    "text",
    [
        "socks5://secret@proxy:1080",
        "http://secret@",
        "http://secret@proxy:99999",
        "http://secret@proxy:x",
        "http://[::1",
    ],
)
def test_a_proxy_that_is_of_no_use_is_told_without_its_credentials(text: str) -> None:
    for choice in (choose({}, setting=text), choose({"https_proxy": text})):
        assert isinstance(choice, ProxyError)
        assert "secret" not in choice.message
        assert "\n" not in choice.message


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://proxy:3128", ()),
        # RFC 7617 section 2 has this pair, and section 2.1 the other one.
        ("http://Aladdin:open%20sesame@proxy:3128", (("Proxy-Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),)),
        ("http://test:123%C2%A3@proxy:3128", (("Proxy-Authorization", "Basic dGVzdDoxMjPCow=="),)),
        ("http://ann@proxy:3128", (("Proxy-Authorization", "Basic YW5uOg=="),)),
    ],
)
def test_a_proxy_is_told_who_asks(url: str, told: tuple[tuple[str, str], ...]) -> None:
    choice = choose({}, setting=url)
    assert isinstance(choice, ProxyChoice)
    assert credentials(choice) == told
