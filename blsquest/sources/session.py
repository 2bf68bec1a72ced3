"""A `requests` session without retries or redirects, which reports sending to its pacer."""

from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from blsquest.core.errors import Misuse
from blsquest.core.stop import shut_down_when_stopped
from blsquest.sources.pacer import Pacer

_IDLE_CONNECTIONS = 32
"""Kept open for the next request; more than a run has in flight."""


class Session(requests.Session):
    """A session for many threads, without redirects, cookies, retries, decoding or .netrc.

    TLS is always verified. The environment's proxies and certificate bundle are honoured, but this
    machine is asked directly: no proxy elsewhere could reach a sample server on its loopback.
    """

    def __init__(self, pacer: Pacer, user_agent: str) -> None:
        super().__init__()
        self.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})
        self.auth = lambda request: (
            request
        )  # any authentication here keeps .netrc's from being added
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.proxies.update({f"http://{host}": "" for host in ("127.0.0.1", "localhost", "::1")})
        adapter = _Adapter(pacer)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self._settings: dict[tuple[str, str], Any] = {}

    def merge_environment_settings(self, url: str, *given: Any) -> Any:  # type: ignore[override]
        """Read proxies and certificates from the environment once a host, not once a request.

        It takes as long as the rest of a small request. What is given is the same each time.
        """
        scheme, host = urlsplit(url)[:2]
        if (scheme, host) not in self._settings:
            found = super().merge_environment_settings(url, *given)
            bundle = found["verify"]
            if isinstance(bundle, str) and not Path(bundle).exists():
                raise Misuse(
                    f"REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) names no file: {bundle}.",
                    "Correct it, or unset it for the usual CAs.",
                )
            self._settings[scheme, host] = found
        return dict(self._settings[scheme, host])

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target: to look for one, `requests` would read a redirect's whole body."""


class _Adapter(HTTPAdapter):
    """Opens connections that tell the pacer when a request went out on a kept one."""

    def __init__(self, pacer: Pacer) -> None:
        super().__init__(pool_maxsize=_IDLE_CONNECTIONS, max_retries=0)
        self._pools = _pools(pacer)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(pacer: Pacer) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        _kept = False

        def connect(self) -> None:
            super().connect()
            shut_down_when_stopped(self.sock)

        def request(self, *args: Any, **kwargs: Any) -> None:
            super().request(*args, **kwargs)
            if self._kept:
                pacer.sent()
            self._kept = True

        def close(self) -> None:
            super().close()
            self._kept = False  # urllib3 opens the same object again

    class Secure(Plain, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
