// Starts the system's Chromium for the drivers in this folder.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const flags = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Chromium's own sandbox refuses to run as root, as CI does. Every page here is served by the test itself.
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

/// Calls `visit(page)` in a browser with an empty profile, and closes it whatever happens.
export async function withPage(options, visit) {
  const profile = await mkdtemp(join(tmpdir(), "docent-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.DOCENT_TEST_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: flags,
    ...options,
  });
  try {
    return await visit(context.pages()[0] ?? (await context.newPage()));
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  }
}
