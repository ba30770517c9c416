"""`[web]`: where the door listens, with what certificate, and who may come in by which login."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from checkpoints_db.records import Record
from checkpoints_db.records.duration import Duration, parse_duration


class Oidc(Record):
    """Somebody else who says who people are, by OpenID Connect; what they may do stays with `holdpoint people`."""

    issuer: str
    """`https://login.example.org/realms/lab`; its `/.well-known/openid-configuration` says the rest."""
    client_id: str
    """Who holdpoint is there."""
    client_secret_file: Path | None = None
    """A file with the secret; or the secret itself as HOLDPOINT_WEB__OIDC__CLIENT_SECRET; none for a public client."""
    client_secret: SecretStr | None = None
    """Only from the environment."""
    claim: Literal["email", "preferred_username", "sub"] = "email"
    """What of their answer is the name of a person here; an address of mail counts only where it is verified."""


class Web(Record):
    """The door over HTTP, for clusters that cannot share a folder. Served while this table is there."""

    listen: str = "127.0.0.1:8470"
    """Address and port; loopback unless told otherwise; others are served over TLS, or by a proxy named here."""
    token_file: Path | None = None
    """File with the token that whoever pushes must show; or the token itself as HOLDPOINT_WEB__TOKEN."""
    token: SecretStr | None = None
    """Only from the environment."""
    reader_token_file: Path | None = None
    """File with a second token, for training jobs: whoever shows it may read leases and push nothing."""
    limit: Annotated[int, Field(gt=0)] = 512 << 20
    """Larger requests are refused, in bytes."""
    patience: Duration = parse_duration("30s")
    """How long a push waits for its turn before it is left to the next scan."""
    metrics: Literal["loopback", "token"] = "loopback"
    """Who reads /metrics without a token: programs on this machine, or nobody. The token of readers always does."""
    ready: Duration = parse_duration("5m")
    """/readyz says ready while the last complete cycle is younger than this."""
    url: str = ""
    """Where people reach it, `https://holdpoint.example.org`: messages link to their alert there."""
    tls_certificate: Path | None = None
    """A file with the certificate and what it rests on, as PEM: the door speaks TLS."""
    tls_key: Path | None = None
    """The file with its private key."""
    plain: bool = False
    """Whether plain HTTP may be spoken beyond loopback where no proxy is named, as in a network of containers."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies: what those say of a client's address is believed."""
    proxy_user_header: str = ""
    """Header in which those proxies name who they let in, `X-Forwarded-User`; from anybody else it counts nothing."""
    session_idle: Duration = parse_duration("2h")
    """A session that is not used for so long ends."""
    session_life: Duration = parse_duration("12h")
    """A session ends after this, however busy it is."""
    oidc: Oidc | None = None

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach it by https, so that cookies need never travel in the clear."""
        return self.tls_certificate is not None or self.url.startswith("https://")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`."""
        host, _, port = self.listen.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)

    @field_validator("listen")
    @classmethod
    def _an_address(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not (host and port.isdecimal() and port.isascii() and int(port) < 1 << 16):
            raise ValueError(f"{listen!r} is not an address and a port; write 127.0.0.1:8470")
        return listen

    @field_validator("proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for each in proxies:
            try:
                ipaddress.ip_network(each)
            except ValueError as error:
                raise ValueError(f"{each!r} is no address or network; write 10.0.0.2 or 10.0.0.0/24") from error
        return proxies

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("give tls_certificate and tls_key, or neither")
        if self.proxy_user_header and not self.proxies:
            raise ValueError("proxy_user_header is believed from nobody; name the addresses of the proxy as proxies")
        return self
