"""Service token: the secret that requests must bear, from the environment alone, and where a server may listen.

Without a token a server listens on this machine only, and answers only requests that name it so: a page of another
site that has its own name point here is refused.
"""

import hashlib
import hmac
import ipaddress
import os
import re
from collections.abc import Mapping, Sequence

__all__ = ["VARIABLE", "bears", "is_local", "names_local", "read_token", "require_token"]

VARIABLE = "QUINTILE_TOKEN"
MIN_TOKEN = 16  # characters
TOKEN = re.compile(r"[!-~]{16,512}")
HOST = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::[0-9]{1,5})?")  # a name or an address, and a port


def read_token(environment: Mapping[str, str] = os.environ) -> str | None:
    """The token of the environment; None where there is none.

    Raises
    ------
    ValueError
        If it is too short, or holds what no header can; the message does not show it.
    """
    token = environment.get(VARIABLE)
    if not token:
        return None
    if TOKEN.fullmatch(token) is None:
        raise ValueError(
            f"{VARIABLE} must be {MIN_TOKEN} to 512 visible ASCII characters without spaces, has {len(token)}: "
            "make one with `openssl rand -hex 32`"
        )
    return token


def is_local(host: str) -> bool:
    """Whether a host to listen on is this machine alone.

    Examples
    --------
    >>> from live.service.service_token import is_local
    >>> is_local("127.0.0.1"), is_local("0.0.0.0")
    (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_token(host: str, token: str | None) -> None:
    """Refuse to listen beyond this machine without a token.

    Raises
    ------
    ValueError
        If the host is not local and there is no token.
    """
    if token is None and not is_local(host):
        raise ValueError(
            f"--host {host} can be reached from other machines: set {VARIABLE} to a secret of {MIN_TOKEN} characters "
            "or more, or keep 127.0.0.1"
        )


def bears(headers: Sequence[tuple[bytes, bytes]], token: str) -> bool:
    """Whether the headers bear the token, once; the comparison takes as long for every guess."""
    told = [value for name, value in headers if name == b"authorization"]
    scheme, _, given = (told[0] if len(told) == 1 else b"").partition(b" ")
    same = hmac.compare_digest(hashlib.sha256(given.strip()).digest(), hashlib.sha256(token.encode()).digest())
    return same and scheme.lower() == b"bearer"


def names_local(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the request was sent to a name of this machine: localhost, or an address that leads nowhere else."""
    hosts = [HOST.fullmatch(value.decode("latin-1").lower()) for name, value in headers if name == b"host"]
    return len(hosts) == 1 and hosts[0] is not None and is_local(hosts[0][1] or hosts[0][2] or "")
