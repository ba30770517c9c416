"""A server that says who people are, by OpenID Connect: small, real, and as wrong as one asks it to be."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from monitor.clock import Clock

CLIENT, SECRET = "holdpoint", "a-secret-of-this-test"


class Identity:
    """Says that everybody is `claims`; `spoil` may change what it signs, and how."""

    def __init__(self, clock: Clock, key: RSAKey) -> None:
        self.clock = clock
        self.claims: dict[str, Any] = {"email": "ada@lab.example", "email_verified": True, "sub": "17"}
        self.key = key
        self.signs: Any = key
        self.algorithm = "RS256"
        self.codes: dict[str, dict[str, str]] = {}
        self.url = ""

    def discovery(self) -> dict[str, str]:
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in paths.items()}}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser goes after its person has logged in here."""
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, str] | None:
        """What a code is worth, once, to whoever began."""
        asked = self.codes.pop(form.get("code", ""), None)
        known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or authorization != f"Basic {known}":
            return None
        hashed = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(hashed).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        at = int(self.clock.now().timestamp())
        told = {"iss": self.url, "aud": CLIENT, "iat": at, "exp": at + 300, "nonce": asked["nonce"], **self.claims}
        header = {"alg": self.algorithm, "kid": "one"}
        signed = jwt.encode(header, told, self.signs, algorithms=[self.algorithm])
        return {"access_token": "x", "token_type": "Bearer", "id_token": signed}

    def forge_with_public_key(self) -> None:
        """Sign by the public key as if it were a shared secret."""
        self.signs = OctKey.import_key(str(self.key.as_dict(private=False)["n"]))
        self.algorithm = "HS256"


@contextmanager
def identifying(identity: Identity) -> Iterator[Identity]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            if where.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(where.query).items()}
                self.send_response(302)
                self.send_header("Location", identity.authorize(asked))
                self.end_headers()
            elif where.path == "/keys":
                self._say({"keys": [identity.key.as_dict(private=False)]})
            else:
                self._say(identity.discovery())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            told = identity.token(form, self.headers.get("Authorization", ""))
            self._say(told or {"error": "invalid_grant"}, 200 if told else 400)

        def _say(self, told: Any, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    identity.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield identity
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
