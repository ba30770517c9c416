"""Serves the application from a thread, beside a daemon or alone."""

from __future__ import annotations

import ipaddress
import logging
import socket  # noqa: TID251 - this is a door of the network
import ssl
import threading
from contextlib import suppress
from typing import Any

import uvicorn

from checkpoints_db.errors import SettingsError
from monitor.daemon.door import Door
from monitor.faces.web.app import create_app
from monitor.faces.web.prompt import Prompt
from monitor.settings import Settings, Web

logger = logging.getLogger("holdpoint.web")

CONNECTIONS = 128
"""More at once are told to come later."""
GRACE = 20
"""Seconds that a push in hand has to end when the server stops."""


class Server:
    """Listens as soon as it is made. Raises SettingsError where the address cannot be had, or there is no token."""

    def __init__(self, door: Door) -> None:
        tls = certificates(door.settings, door.terms)
        app, self._door = create_app(door), door
        self._socket = _listening(*door.terms.address)
        host, port = self._socket.getsockname()[:2]
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        config = uvicorn.Config(
            app,
            http=Prompt,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # what was pushed is logged by its door
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE,
            **tls,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()
        logger.info("takes pushes at %s/api/v1/results", self.url)

    def stop(self) -> None:
        """Take nothing new, let what is in hand end, and close."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(GRACE + 5)
        self._socket.close()

    def follow(self, settings: Settings) -> None:
        """Go by other settings from the next request on."""
        self._door.follow(settings)

    def _serve(self) -> None:
        self._server.run([self._socket])
        if not self._server.should_exit:
            logger.error("the door at %s closed by itself; start again to take pushes", self.url)


def certificates(settings: Settings, web: Web) -> dict[str, Any]:
    """What uvicorn is told of certificates. Raises SettingsError where others would listen in, or there are none."""
    host, _ = web.address
    if web.tls_certificate is None or web.tls_key is None:
        if not (_is_loopback(host) or web.proxies or web.plain):
            raise SettingsError(
                f"web.listen: {host} is heard by others and nothing is encrypted; name tls_certificate and tls_key, or "
                "the addresses of a proxy that speaks TLS as proxies, or say plain = true where the network is yours"
            )
        return {}
    files = [settings.at(web.tls_certificate), settings.at(web.tls_key)]
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(files[0], files[1])
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or str(error)
        raise SettingsError(f"web.tls_certificate, web.tls_key: {files[0]}, {files[1]}: {why}") from error
    return {"ssl_certfile": files[0], "ssl_keyfile": files[1]}


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # With its protocol: over what does not say that it is TCP, asyncio lets an answer wait 40 ms for packets.
        made = socket.socket(*family[:3])
    except OSError as error:
        raise SettingsError(f"web.listen: {host}:{port}: {error.strerror or error}; name an address of here") from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(family[4])
        made.listen(CONNECTIONS)
    except OSError as error:
        made.close()
        why = f"{error.strerror or error}; another one serves there, or the address is not of this machine"
        raise SettingsError(f"web.listen: {host}:{port}: {why}") from error
    return made
