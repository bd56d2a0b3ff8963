"""fastmcp's client with its own OAuth helper, which keeps tokens in a folder and opens the browser by itself."""

import json
import os
import shutil

from driver import HOME, URL, ask, check, check_tools, drive
from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.filetree import (
    FileTreeStore,
    FileTreeV1CollectionSanitizationStrategy,
    FileTreeV1KeySanitizationStrategy,
)

FOLDER = HOME / "tokens"
# fastmcp waits for the browser's program to end before it listens for the answer: a desktop's browser comes back at once.
os.environ["BROWSER"] += " %s &"


def client():
    FOLDER.mkdir(exist_ok=True)
    store = FileTreeStore(
        data_directory=FOLDER,
        key_sanitization_strategy=FileTreeV1KeySanitizationStrategy(FOLDER),
        collection_sanitization_strategy=FileTreeV1CollectionSanitizationStrategy(FOLDER),
    )
    oauth = OAuth(token_storage=store, client_metadata_url=os.environ.get("DOCENT_TEST_METADATA_URL"))
    return Client(URL, auth=oauth)


async def login():
    async with client() as connection:
        check_tools(await connection.list_tools())


async def call():
    async with client() as connection:
        check_tools(await connection.list_tools())
        await ask(connection.call_tool)


def expire():
    found = list(FOLDER.glob("*token_expiry*/*.json"))
    check(len(found) == 1, f"files with an expiry: {found}")
    entry = json.loads(found[0].read_text())
    value = entry.get("value", entry)
    value["expires_at"] = 1
    found[0].write_text(json.dumps(entry))


drive(login=login, call=call, expire=expire, reset=lambda: shutil.rmtree(FOLDER))
