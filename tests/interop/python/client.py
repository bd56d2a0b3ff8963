"""The official Python SDK, 1.x and 2.x, with the small host around it that its documentation asks for.

With 2.x both protocol eras are driven with the same tokens: the stateless 2026-07-28 and the initialize handshake.
"""

import asyncio
import importlib.metadata
import json
import os
import time
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from driver import HOME, URL, ask, check, check_tools, drive
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

VERSION = importlib.metadata.version("mcp")
MODERN = not VERSION.startswith("1.")
FILE = HOME / "sdk.json"


def stored():
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def change(**changes):
    """In one step: another process may be reading."""
    new = HOME / f"sdk.json.{os.getpid()}"
    new.write_text(json.dumps({**stored(), **changes}))
    new.replace(FILE)


class Storage:
    """What a host keeps on disk: also when the access token expires, which the SDK does not keep."""

    async def get_tokens(self):
        tokens = stored().get("tokens")
        return tokens and OAuthToken.model_validate(tokens)

    async def set_tokens(self, tokens):
        change(tokens=tokens.model_dump(mode="json", exclude_none=True), expires_at=time.time() + tokens.expires_in)

    async def get_client_info(self):
        client = stored().get("client")
        return client and OAuthClientInformationFull.model_validate(client)

    async def set_client_info(self, client):
        change(client=client.model_dump(mode="json", exclude_none=True))


class Callback:
    """A loopback listener on a free port, and the browser that will visit it."""

    def __init__(self):
        self.parameters = asyncio.get_running_loop().create_future()
        self.browser = None

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return f"http://localhost:{self.port}/callback"

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        target = urlsplit(head.split(b" ")[1].decode())
        found = target.path == "/callback"
        status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
        writer.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\n"
            "Content-Length: 24\r\nConnection: close\r\n\r\nYou can close this page.".encode()
        )
        await writer.drain()
        writer.close()
        if found and not self.parameters.done():
            self.parameters.set_result(parse_qs(target.query))

    async def open(self, url):
        self.browser = await asyncio.create_subprocess_exec(os.environ["BROWSER"], url)

    async def wait(self):
        check(await self.browser.wait() == 0, "the browser did not arrive")
        parameters = await asyncio.wait_for(self.parameters, 10)
        check("error" not in parameters, f"authorization failed: {parameters}")
        check("iss" in parameters, "the response carries no iss (RFC 9207)")
        code, state, issuer = (parameters[name][0] for name in ("code", "state", "iss"))
        if MODERN:
            from mcp.shared.auth import AuthorizationCodeResult

            return AuthorizationCodeResult(code=code, state=state, iss=issuer)
        return code, state


@asynccontextmanager
async def connected(mode):
    callback = Callback()
    provider = OAuthClientProvider(
        server_url=URL,
        client_metadata=OAuthClientMetadata(
            client_name=f"Python SDK {VERSION.split('.')[0]}.x",
            redirect_uris=[await callback.start()],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
        ),
        storage=Storage(),
        redirect_handler=callback.open,
        callback_handler=callback.wait,
        client_metadata_url=os.environ.get("DOCENT_TEST_METADATA_URL"),
    )
    # Without this a host that was restarted sends the expired token, is told 401, and opens the browser.
    provider.context.token_expiry_time = stored().get("expires_at")
    if MODERN:
        import httpx2
        from mcp.client import Client

        async with httpx2.AsyncClient(auth=provider, timeout=60) as http:
            async with Client(streamable_http_client(URL, http_client=http), mode=mode) as client:
                yield client
    else:
        import httpx
        from mcp import ClientSession

        async with httpx.AsyncClient(auth=provider, timeout=60) as http:
            async with streamable_http_client(URL, http_client=http) as (read, write, _):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    yield session
    callback.server.close()


async def login():
    async with connected("legacy") as client:
        check_tools((await client.list_tools()).tools)
    check(stored().get("tokens", {}).get("refresh_token"), "no refresh token was given")


async def call():
    for mode in ("2026-07-28", "legacy") if MODERN else ("legacy",):
        async with connected(mode) as client:
            check_tools((await client.list_tools()).tools)
            await ask(client.call_tool)


drive(login=login, call=call, expire=lambda: change(expires_at=1), reset=FILE.unlink)
