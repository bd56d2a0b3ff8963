"""What the drivers of Python clients share: commands, and the two questions. ../README.md has the variables."""

import asyncio
import os
import sys
from pathlib import Path

HOME = Path(os.environ["HOME"])
URL = os.environ["DOCENT_TEST_MCP_URL"]
LIBRARY = os.environ["DOCENT_TEST_LIBRARY"]
QUESTIONS = (
    ("resolve-library-id", {"query": os.environ["DOCENT_TEST_QUESTION"], "libraryName": os.environ["DOCENT_TEST_NAME"]}, LIBRARY),
    ("query-docs", {"libraryId": LIBRARY, "query": os.environ["DOCENT_TEST_QUESTION"]}, os.environ["DOCENT_TEST_EXPECT"]),
)


def check(condition, message):
    if not condition:
        raise SystemExit(f"failed: {message}")


def check_tools(tools):
    names = sorted(tool.name for tool in tools)
    check(names == ["query-docs", "resolve-library-id"], f"tools are {names}")


async def ask(call_tool):
    for tool, arguments, expected in QUESTIONS:
        result = await call_tool(tool, arguments)
        failed = getattr(result, "is_error", None) or getattr(result, "isError", None)
        check(not failed and expected in result.content[0].text, f"{tool} answered {result}")


def drive(**commands):
    """Does what the first argument says."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    check(command in commands, f"usage: {' | '.join(commands)}")
    done = commands[command]()
    if asyncio.iscoroutine(done):
        asyncio.run(done)
    print(f"done: {command}")
