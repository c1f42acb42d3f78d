from probes.hosts_file import addresses_in_hosts

HOSTS = """
127.0.0.1  localhost
192.0.2.80 crm.example.com crm # the customers
2001:db8::80 CRM
192.0.2.80 crm
fe80::7%eth0 printer
not-an-address crm
"""


def test_every_line_counts_once_and_case_does_not() -> None:
    assert addresses_in_hosts(HOSTS, "Crm.") == ("192.0.2.80", "2001:db8::80")


def test_a_zone_is_kept() -> None:
    assert addresses_in_hosts(HOSTS, "printer") == ("fe80::7%eth0",)


def test_a_comment_names_nobody() -> None:
    assert addresses_in_hosts(HOSTS, "customers") == ()


def test_an_empty_file_knows_nobody() -> None:
    assert addresses_in_hosts("", "localhost") == ()
