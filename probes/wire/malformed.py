"""The one exception that a codec raises."""


class MalformedDatagram(ValueError):  # noqa: N818 - it is a thing, named by what it is
    """A datagram breaks its own format: it ends too early, or a length in it promises what is not there."""
