"""Service limits: how large and how slow a request may be, and how many at a time."""

from dataclasses import dataclass, fields

__all__ = ["ServiceLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLimits:
    """Bounds of one server; all must be positive.

    Parameters
    ----------
    body_bytes : int
        Largest body of a request.
    head_bytes : int
        Largest request line with its headers.
    head_seconds : float
        By when a request's head must have arrived, from its first byte or that of the connection.
    body_seconds : float
        By when its body must have arrived.
    answer_seconds : float
        By when its answer must be worked out.
    idle_seconds : float
        How long a connection may stay open between two requests.
    drain_seconds : float
        How long the body of a refused request is still read, so that the client can read why.
    in_flight : int
        Requests that are worked on at a time; others are answered 503.
    connections : int
        Connections that are open at a time.
    renewal_seconds : float
        Between two looks at version and bars.

    Raises
    ------
    ValueError
        If one is not positive.
    """

    body_bytes: int = 1_048_576
    head_bytes: int = 16_384
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    answer_seconds: float = 30.0
    idle_seconds: float = 15.0
    drain_seconds: float = 2.0
    in_flight: int = 64
    connections: int = 256
    renewal_seconds: float = 2.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not value > 0:
                raise ValueError(f"{each.name} must be positive, was {value:g}")
