"""What one sample is asked to look at, and how."""

from collections.abc import Mapping
from pathlib import Path

from agent.world import Sending
from probes.edge_access import EdgeAccess
from probes.frozen import field, frozen
from probes.sample import NdrSetting, Target
from probes.trace.settings import TraceSettings
from probes.web_facts import ProxyMode

# A path of ordinary length has answered by now; a dead one has most of its waiting still before it.
PATIENCE_S = 0.2


@frozen
class SessionSource:
    """Where lines about private access's sessions come from: a log stream that is listened for, or a file.

    Attributes:
        lss_listen: `address:port`.
        window_s: How far back events join a sample.
        username: Whose sessions count; None for everybody's.
    """

    lss_listen: str | None = None
    file: Path | None = None
    window_s: int = 300
    username: str | None = None


@frozen
class SampleRequest:
    """What one sample is asked to look at, and how.

    Attributes:
        trace: Whether paths are traced at all; else only names, the web address and the proxy are looked at.
        ca_file: Who is trusted for the web address besides the host's own authorities.
        edges: The service edges that may be asked; the first is the one that a path of route `service_edge` takes.
        egress_address: The public address, where the administrator knows it.
        synthetic_ranges: Where private access puts the names that it carries; `private_interface` is its tunnel, None
            for any.
        patience_s: How long it may take before it compares.
        fresh: What is remembered of the path is not used, and replaced by what this sample learns.
        path_mtu: It is measured too, once the path is known.
    """

    target: Target
    settings: TraceSettings = field(default_factory=TraceSettings)
    sending: Sending = field(default_factory=Sending)
    proxy_mode: ProxyMode = ProxyMode.ENVIRONMENT
    proxy_url: str | None = None
    ndr: NdrSetting = NdrSetting.AUTO
    controls: tuple[str, ...] = ()
    captive_check_url: str | None = None
    ca_file: Path | None = None
    edges: tuple[EdgeAccess, ...] = ()
    egress_address: str | None = None
    synthetic_ranges: tuple[str, ...] = ()
    private_interface: str | None = None
    zpa: SessionSource | None = None
    trace: bool = True
    names: bool = True
    fresh: bool = False
    path_mtu: bool = False
    severity_overrides: Mapping[str, str] = field(default_factory=dict)
    rule_files: tuple[Path, ...] = ()
    databases: tuple[Path, ...] = ()
    patience_s: float = PATIENCE_S
