"""fastmcp with its in-memory OAuth provider: python server.py PORT"""

import sys

from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider

port = int(sys.argv[1])
auth = InMemoryOAuthProvider(
    base_url=f"http://localhost:{port}",
    client_registration_options=ClientRegistrationOptions(enabled=True),
    revocation_options=RevocationOptions(enabled=True),
)
mcp = FastMCP("fastmcp with OAuth", auth=auth)


@mcp.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


mcp.run(transport="http", host="127.0.0.1", port=port, show_banner=False)
