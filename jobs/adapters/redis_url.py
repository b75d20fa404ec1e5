"""Redis clients, made in one place: of every process the same address, TLS and password."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from redis import Redis

from jobs.logs import remember_secret


def connect(url: SecretStr, **options: Any) -> Redis:
    """A client of this address; connects when it is used. `rediss://` checks the server's certificate and its name
    unless the URL says otherwise: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs` are paths and words
    of redis-py. Raises ValueError for an address that cannot be read."""
    client = Redis.from_url(url.get_secret_value(), **options)
    password = client.connection_pool.connection_kwargs.get("password")
    if password:
        remember_secret(SecretStr(password))
    return client
