"""The official Python SDK 2.x without a person: client_credentials, private_key_jwt, and an identity assertion. ../README.md has the variables.

The identity provider is played by this script: it signs the assertion with the key whose public half the server was given.
"""

import asyncio
import importlib.metadata
import json
import os
import time
import uuid

import httpx2
import jwt
from mcp.client import Client
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.streamable_http import streamable_http_client

from driver import LIBRARY, URL, ask, check, check_tools

VERSION = importlib.metadata.version("mcp")
ISSUER = os.environ["DOCENT_TEST_ISSUER"]
MACHINE = json.loads(os.environ["DOCENT_TEST_MACHINE"])


class Storage:
    """What a client keeps."""

    def __init__(self):
        self.tokens = None
        self.saved = 0

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens
        self.saved += 1

    async def get_client_info(self):
        return None

    async def set_client_info(self, client):
        check(False, "a client with an id of its own registered")


def secret_provider(storage, method):
    client = MACHINE["secret"]
    return ClientCredentialsOAuthProvider(
        server_url=URL,
        storage=storage,
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        token_endpoint_auth_method=method,
        scope="docs:read",
        issuer=ISSUER,
    )


def key_provider(storage):
    client = MACHINE["key"]
    parameters = SignedJWTParameters(
        issuer=client["client_id"],
        subject=client["client_id"],
        signing_key=client["private_key"],
        signing_algorithm=client["algorithm"],
    )
    return PrivateKeyJWTOAuthProvider(
        server_url=URL,
        storage=storage,
        client_id=client["client_id"],
        assertion_provider=parameters.create_assertion_provider(),
        scope="docs:read",
        issuer=ISSUER,
    )


def assertion_provider(storage, method):
    client, idp = MACHINE["assertion"], MACHINE["idp"]

    async def id_jag(audience, resource):
        now = int(time.time())
        claims = {
            "iss": idp["issuer"],
            "sub": idp["subject"],
            "aud": audience,
            "resource": resource,
            "client_id": client["client_id"],
            "scope": "docs:read",
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 300,
        }
        headers = {"typ": "oauth-id-jag+jwt", "kid": idp["kid"]}
        return jwt.encode(claims, idp["private_key"], algorithm=idp["algorithm"], headers=headers)

    return IdentityAssertionOAuthProvider(
        server_url=URL,
        storage=storage,
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        issuer=ISSUER,
        assertion_provider=id_jag,
        token_endpoint_auth_method=method,
    )


async def run(name, provider, storage):
    async with httpx2.AsyncClient(auth=provider, timeout=30) as http:
        async with Client(streamable_http_client(URL, http_client=http), mode="2026-07-28") as client:
            check_tools((await client.list_tools()).tools)
            await ask(client.call_tool)
    check(storage.tokens and storage.saved == 1, f"{name}: tokens were saved {storage.saved} times")
    check(storage.tokens.refresh_token is None, f"{name}: a refresh token was given")
    check(storage.tokens.scope == "docs:read", f"{name}: the scope is {storage.tokens.scope}")


async def main():
    done = []
    kinds = {
        "client_credentials by client_secret_basic": lambda storage: secret_provider(storage, "client_secret_basic"),
        "client_credentials by client_secret_post": lambda storage: secret_provider(storage, "client_secret_post"),
        "client_credentials by private_key_jwt": key_provider,
        "identity assertion by client_secret_post": lambda storage: assertion_provider(storage, "client_secret_post"),
        "identity assertion by client_secret_basic": lambda storage: assertion_provider(storage, "client_secret_basic"),
    }
    for name, make in kinds.items():
        storage = Storage()
        await run(name, make(storage), storage)
        done.append(name)
    print(f"passed: mcp {VERSION}; {'; '.join(done)}; answers from {LIBRARY}")


asyncio.run(main())
