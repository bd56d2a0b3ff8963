// What a person does when an assistant opens the browser: signs in, chooses a project, clicks Allow, and sees the
// assistant's own page. Given the authorization URL as its argument, as a client passes it to $BROWSER.
//
// DOCENT_TEST_EMAIL, DOCENT_TEST_PASSWORD  who signs in
// DOCENT_TEST_PROJECT                      a project's name to choose; without it the page's own choice stands
// DOCENT_TEST_DECISION                     allow (default) or deny
// DOCENT_TEST_OUT                          a folder for consent.log, consent.png and, on failure, failure.png
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { withPage } from "./chromium.mjs";

const url = process.argv[2];
const { DOCENT_TEST_EMAIL: email, DOCENT_TEST_PASSWORD: password, DOCENT_TEST_PROJECT: project } = process.env;
const decision = process.env.DOCENT_TEST_DECISION ?? "allow";
const out = process.env.DOCENT_TEST_OUT;

function log(line) {
  const text = `${new Date().toISOString()} ${line}`;
  console.error(text);
  if (out) appendFileSync(join(out, "consent.log"), `${text}\n`);
}

async function picture(page, name) {
  if (out) await page.screenshot({ path: join(out, name), fullPage: true });
}

if (!url || !email || !password) {
  console.error("usage: DOCENT_TEST_EMAIL=… DOCENT_TEST_PASSWORD=… node consent.mjs AUTHORIZATION_URL");
  process.exit(2);
}
if (out) mkdirSync(out, { recursive: true });

// Loopback hosts are one, and an empty path is "/": the same comparison as the server's own.
function place(text) {
  const parsed = new URL(text);
  const host = ["localhost", "127.0.0.1", "[::1]"].includes(parsed.hostname) ? "loopback" : parsed.hostname;
  return `${parsed.protocol}//${host}:${parsed.port}${parsed.pathname}`;
}

async function chooseProject(page) {
  if (!project) return;
  const select = page.locator('select[name="project"]');
  if (await select.count()) {
    await select.selectOption({ label: project });
  } else {
    await page.getByRole("radio", { name: project }).check();
  }
  log(`chose the project ${project}`);
}

async function walk(page) {
  const target = new URL(url).searchParams.get("redirect_uri");
  if (!target) throw new Error("the authorization URL has no redirect_uri");
  const arrived = new Promise((resolve, reject) => {
    page.on("response", (response) => {
      if (response.request().isNavigationRequest() && place(response.url()) === place(target)) resolve(response);
    });
    page.on("requestfailed", (request) => {
      if (request.isNavigationRequest() && place(request.url()) === place(target)) {
        reject(new Error(`the client's callback did not answer: ${request.failure()?.errorText}`));
      }
    });
  });
  arrived.catch(() => {});
  page.on("console", (message) => log(`console ${message.type()}: ${message.text()}`));

  log(`opens ${url}`);
  const first = await page.goto(url, { waitUntil: "load" });
  if (first.status() >= 400) throw new Error(`the authorization page is answered with ${first.status()}`);
  if (await page.locator('input[name="password"]').count()) {
    await picture(page, "sign-in.png");
    await page.fill('input[name="email"]', email);
    await page.fill('input[name="password"]', password);
    await Promise.all([page.waitForLoadState("load"), page.locator('input[name="password"]').press("Enter")]);
    log(`signed in as ${email}`);
  }
  const button = page.locator(`button[name="decision"][value="${decision}"]`);
  await button.waitFor({ timeout: 15000 });
  await chooseProject(page);
  await picture(page, "consent.png");
  await button.click();
  log(`clicked ${decision}`);
  const response = await Promise.race([
    arrived,
    new Promise((_, reject) => setTimeout(() => reject(new Error("the client's page did not come within 20 s")), 20000).unref()),
  ]);
  log(`arrived at ${place(response.url())} with status ${response.status()}`);
  // A client may close its listener as soon as it has answered.
  await page.waitForLoadState("load", { timeout: 5000 }).catch(() => {});
}

try {
  await withPage({ viewport: { width: 800, height: 900 } }, async (page) => {
    try {
      await walk(page);
    } catch (error) {
      await picture(page, "failure.png").catch(() => {});
      const text = await page.locator("body").innerText({ timeout: 2000 }).catch(() => "");
      throw new Error(`${error.message}\nat ${page.url()}\nthe page says:\n${text.slice(0, 2000)}`);
    }
  });
} catch (error) {
  log(`failed: ${error.message}`);
  process.exit(1);
}
