"""The official Python SDK, 1.x and 2.x: discovery to refresh. ../README.md has the variables.

With 2.x both protocol eras are driven with the same tokens: the stateless 2026-07-28 and the initialize handshake.
"""

import asyncio
import importlib.metadata
import os
import sys
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

VERSION = importlib.metadata.version("mcp")
MODERN = not VERSION.startswith("1.")
URL = os.environ["DOCENT_TEST_MCP_URL"]
LIBRARY = os.environ["DOCENT_TEST_LIBRARY"]
NAME = os.environ["DOCENT_TEST_NAME"]
QUESTION = os.environ["DOCENT_TEST_QUESTION"]
EXPECT = os.environ["DOCENT_TEST_EXPECT"]


def check(condition, message):
    if not condition:
        raise SystemExit(f"failed: {message}")


class Storage:
    """What a client keeps on disk."""

    def __init__(self):
        self.tokens = None
        self.client = None
        self.saved = 0

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens
        self.saved += 1

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


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
        parameters = await asyncio.wait_for(self.parameters, 60)
        check(await self.browser.wait() == 0, "the browser did not finish")
        check("error" not in parameters, f"authorization failed: {parameters}")
        check("iss" in parameters, "the response carries no iss (RFC 9207)")
        code, state, issuer = (parameters[name][0] for name in ("code", "state", "iss"))
        if MODERN:
            from mcp.shared.auth import AuthorizationCodeResult

            return AuthorizationCodeResult(code=code, state=state, iss=issuer)
        return code, state


@asynccontextmanager
async def connected(provider, mode):
    if MODERN:
        import httpx2
        from mcp.client import Client

        async with httpx2.AsyncClient(auth=provider, timeout=30) as http:
            async with Client(streamable_http_client(URL, http_client=http), mode=mode) as client:
                yield client
    else:
        import httpx
        from mcp import ClientSession

        async with httpx.AsyncClient(auth=provider, timeout=30) as http:
            async with streamable_http_client(URL, http_client=http) as (read, write, _):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    yield session


def failed(result):
    return result.is_error if MODERN else result.isError


async def ask(client):
    listed = await client.list_tools()
    names = sorted(tool.name for tool in listed.tools)
    check(names == ["query-docs", "resolve-library-id"], f"tools are {names}")
    found = await client.call_tool("resolve-library-id", {"query": QUESTION, "libraryName": NAME})
    check(not failed(found) and LIBRARY in found.content[0].text, f"resolve-library-id answered {found}")
    answer = await client.call_tool("query-docs", {"libraryId": LIBRARY, "query": QUESTION})
    check(not failed(answer) and EXPECT in answer.content[0].text, f"query-docs answered {answer}")


async def main():
    callback = Callback()
    redirect_uri = await callback.start()
    storage = Storage()
    provider = OAuthClientProvider(
        server_url=URL,
        client_metadata=OAuthClientMetadata(
            client_name=f"Python SDK {VERSION}",
            redirect_uris=[redirect_uri],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
        ),
        storage=storage,
        redirect_handler=callback.open,
        callback_handler=callback.wait,
    )
    spoken = []
    for mode in ("2026-07-28", "legacy") if MODERN else ("legacy",):
        async with connected(provider, mode) as client:
            await ask(client)
            spoken.append(client.protocol_version if MODERN else "initialize")
            if mode == "legacy":
                before, saved = storage.tokens, storage.saved
                check(before and before.refresh_token, "no refresh token was given")
                # The SDK refreshes ahead of a request when it believes that the access token has expired.
                provider.context.token_expiry_time = 1
                await ask(client)
                check(storage.saved == saved + 1, f"tokens were saved {storage.saved - saved} times, not once")
                check(storage.tokens.access_token != before.access_token, "the access token is the same as before")
                check(storage.tokens.refresh_token != before.refresh_token, "the refresh token was not rotated")
    callback.server.close()
    print(f"passed: mcp {VERSION}; {', '.join(spoken)}; scope {storage.tokens.scope}; refreshed once")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
