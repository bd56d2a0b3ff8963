// Looks at whole pages as people meet them: node pages.mjs FOLDER [--pictures DIR]
//
// FOLDER holds the pages, *.html, and in assets/ what they refer to as /assets/…. They are served with the headers of
// the real server and opened at a phone's and a desk's width, light and dark. A page fails if
// - axe-core finds something: WCAG 2.2 A and AA, best practices, and what it calls experimental
// - it scrolls sideways
// - Tab does not reach every control, does not get away from one, or does not show where it is
// - a script of it fails, a file of it is missing, or the browser reports a breach of the Content-Security-Policy
// DIR gets NAME-360.png and NAME-1280.png of every page.
//
// Exits with 1 if a page failed, with 2 if the pages could not be looked at.
import { mkdir, readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { availableParallelism } from "node:os";
import { extname, join, relative } from "node:path";
import { parseArgs } from "node:util";

const headers = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
};
const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const sizes = [
  { width: 360, height: 800 },
  { width: 1280, height: 900 },
];
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice", "experimental"];

function stop(message) {
  console.error(message);
  process.exit(2);
}

function oneLine(text, length = 200) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > length ? `${line.slice(0, length)}…` : line;
}

function argumentsOf() {
  try {
    const { values, positionals } = parseArgs({ options: { pictures: { type: "string" } }, allowPositionals: true });
    if (positionals.length === 1 && values.pictures !== "") return { folder: positionals[0], pictures: values.pictures };
  } catch {
    // Answered with the usage, as every other mistake.
  }
  return stop("usage: node pages.mjs FOLDER [--pictures DIR]");
}

/// What is served, by its path.
async function filesOf(folder) {
  const files = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const place = join(entry.parentPath, entry.name);
    const path = relative(folder, place);
    if (entry.isFile() && (path.startsWith("assets/") || (!path.includes("/") && path.endsWith(".html")))) {
      files.set(`/${path}`, await readFile(place));
    }
  }
  return files;
}

async function serve(files) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const body = files.get(path);
    const type = types[extname(path)] ?? "application/octet-stream";
    response.writeHead(body ? 200 : 404, { "content-type": type, ...(path.endsWith(".html") && headers) });
    response.end(body);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return server;
}

/// Runs in the page: what Tab has to reach, and what it reached.
function watchFocus() {
  const controls = 'a[href], button, input:not([type="hidden"]), select, textarea, details > summary:first-of-type, [tabindex="0"]';
  const wanted = [...document.querySelectorAll(controls)].filter(
    (element) => !element.matches(":disabled") && !element.closest("[inert]") && element.checkVisibility({ visibilityProperty: true }),
  );
  const visits = new Map();
  const shown = new Set();
  let stuck;
  // An element with the focus already is where Tab begins, so that what stands before it comes in a second round.
  const rounds = document.activeElement === document.body ? 1 : 2;
  document.activeElement?.blur?.();
  const shadows = new Map(wanted.map((element) => [element, getComputedStyle(element).boxShadow]));

  function isShown(element) {
    const style = getComputedStyle(element);
    const isOutlined = style.outlineStyle !== "none" && style.outlineWidth !== "0px" && style.outlineColor !== "rgba(0, 0, 0, 0)";
    return isOutlined || (style.boxShadow !== "none" && style.boxShadow !== shadows.get(element));
  }
  function isReached(element) {
    if (visits.has(element)) return true;
    if (element.type !== "radio" || !element.name) return false;
    return [...visits.keys()].some((one) => one.type === "radio" && one.name === element.name && one.form === element.form);
  }
  return {
    rounds,
    step() {
      const element = document.activeElement;
      if (!element || element === document.body || element === document.documentElement) return "outside";
      visits.set(element, (visits.get(element) ?? 0) + 1);
      if (isShown(element)) shown.add(element);
      // The parts of a date's field are visits of their own, seven in a round at most, and not all show it on the field.
      if (visits.get(element) < 20) return "inside";
      stuck = element;
      return "stuck";
    },
    failures() {
      const named = (what, elements) => elements.map((element) => `${what}: ${element.outerHTML}`);
      return [
        ...named("Tab does not get away from", stuck ? [stuck] : []),
        ...named("Tab does not reach", wanted.filter((element) => !isReached(element))),
        ...named("the focus is not shown on", [...visits.keys()].filter((element) => !shown.has(element))),
      ];
    },
  };
}

async function keyboard(page) {
  const focus = await page.evaluateHandle(watchFocus);
  let rounds = await focus.evaluate((watched) => watched.rounds);
  while (rounds > 0) {
    await page.keyboard.press("Tab");
    const where = await focus.evaluate((watched) => watched.step());
    if (where === "stuck") break;
    if (where === "outside") rounds -= 1;
  }
  return focus.evaluate((watched) => watched.failures());
}

async function look(page, name, url, axe, pictures) {
  const failures = [];
  await page.setViewportSize(sizes[0]);
  await page.goto(url, { waitUntil: "load" });
  await page.evaluate(axe);
  for (const size of sizes) {
    await page.setViewportSize(size);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const where = `${name} ${size.width} ${colorScheme}`;
      const { violations, overflow } = await page.evaluate(async (values) => {
        const { scrollWidth, clientWidth } = document.documentElement;
        const options = { runOnly: { type: "tag", values }, resultTypes: ["violations"] };
        return { violations: (await window.axe.run(document, options)).violations, overflow: scrollWidth - clientWidth };
      }, rules);
      for (const { id, help, nodes } of violations) {
        for (const node of nodes) failures.push(`${where} ${id}: ${help} (${node.target.join(" ")}): ${oneLine(node.html)}`);
      }
      if (overflow > 0) failures.push(`${where} sideways: the page is ${overflow} px too wide`);
    }
    await page.emulateMedia({ colorScheme: "light" });
    if (pictures) await page.screenshot({ path: join(pictures, `${name}-${size.width}.png`), fullPage: true });
  }
  for (const failure of await keyboard(page)) failures.push(`${name} 1280 light keyboard: ${oneLine(failure)}`);
  return failures;
}

async function tools() {
  const { withPage } = await import("./chromium.mjs");
  return { withPage, axe: await readFile(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8") };
}

const { folder, pictures } = argumentsOf();
const files = await filesOf(folder).catch((error) => stop(`the pages cannot be read: ${error.message}`));
const names = [...files.keys()].filter((path) => /^\/[^/]+\.html$/.test(path)).map((path) => path.slice(1, -".html".length)).sort();
if (names.length === 0) stop(`no page, *.html, is in ${folder}`);

const { withPage, axe } = await tools().catch((error) => stop(`${error.message}\nInstall what this needs: npm ci, in tests/browser`));

const results = new Map();
let printed = 0;
let failed = 0;

// In the order of the names, whichever is ready first.
function report(name, failures) {
  results.set(name, failures);
  for (; results.has(names[printed]); printed += 1) {
    const found = results.get(names[printed]);
    console.log(found.length ? found.join("\n") : `ok ${names[printed]}`);
    if (found.length) failed += 1;
  }
}

try {
  if (pictures) await mkdir(pictures, { recursive: true });
  const server = await serve(files);
  const origin = `http://127.0.0.1:${server.address().port}`;
  const queue = names.values();
  const work = async (page) => {
    let complaints = [];
    page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) complaints.push(`policy: ${message.text()}`);
    });
    page.on("response", (response) => {
      const isPart = !["fetch", "xhr", "eventsource"].includes(response.request().resourceType());
      if (isPart && response.status() >= 400) complaints.push(`missing: ${new URL(response.url()).pathname} (${response.status()})`);
    });
    for (const name of queue) {
      complaints = [];
      const failures = await look(page, name, `${origin}/${encodeURIComponent(name)}.html`, axe, pictures).catch((error) => {
        if (page.isClosed()) throw error;
        return [`${name} cannot be looked at: ${oneLine(error.message)}`];
      });
      report(name, [...complaints.map((complaint) => `${name} ${oneLine(complaint)}`), ...failures]);
    }
  };
  // Less motion, so that no colour is read on its way from one scheme to the other.
  await withPage({ viewport: sizes[0], reducedMotion: "reduce" }, async (page) => {
    const others = Array.from({ length: Math.min(4, availableParallelism(), names.length) - 1 }, () => page.context().newPage());
    await Promise.all([page, ...(await Promise.all(others))].map(work));
  });
  server.close();
} catch (error) {
  stop(`the pages cannot be looked at: ${error.message}`);
}
console.log(`${names.length} pages, ${names.length - failed} ok, ${failed} failed`);
process.exit(failed ? 1 : 0);
