// What a person does who reads a code on another machine: opens the page, signs in, types or compares the code, decides.
// node device.mjs URL USER_CODE. The URL may carry the code; then it must stand in the field already.
//
// DOCENT_TEST_EMAIL, DOCENT_TEST_PASSWORD  who signs in
// DOCENT_TEST_DECISION                     allow (default) or deny
// DOCENT_TEST_KEYBOARD                     if set, nothing is clicked: Tab, Enter, Space
// DOCENT_TEST_OUT                          a folder for device.log, pictures of each page and, on failure, failure.png
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { withPage } from "./chromium.mjs";

const [url, code] = process.argv.slice(2);
const { DOCENT_TEST_EMAIL: email, DOCENT_TEST_PASSWORD: password, DOCENT_TEST_OUT: out } = process.env;
const decision = process.env.DOCENT_TEST_DECISION ?? "allow";
const keyboard = Boolean(process.env.DOCENT_TEST_KEYBOARD);

if (!url || !code || !email || !password) {
  console.error("usage: DOCENT_TEST_EMAIL=… DOCENT_TEST_PASSWORD=… node device.mjs URL USER_CODE");
  process.exit(2);
}
if (out) mkdirSync(out, { recursive: true });

function log(line) {
  const text = `${new Date().toISOString()} ${line}`;
  console.error(text);
  if (out) appendFileSync(join(out, "device.log"), `${text}\n`);
}

// Each page at a phone's and a desk's width, light and dark.
async function pictures(page, name) {
  if (!out) return;
  for (const width of [360, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) throw new Error(`${name} is ${overflow} px too wide at ${width} px`);
      await page.screenshot({ path: join(out, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
}

// Tab from where the focus is until it is on what is looked for.
async function tabTo(page, selector) {
  for (let step = 0; step < 40; step += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${selector} is not reached by Tab`);
}

async function press(page, selector) {
  if (!keyboard) {
    await Promise.all([page.waitForLoadState("load"), page.locator(selector).click()]);
    return;
  }
  await tabTo(page, selector);
  await page.keyboard.press("Enter");
}

async function walk(page) {
  page.on("console", (message) => log(`console ${message.type()}: ${message.text()}`));
  log(`opens ${url}`);
  await page.goto(url, { waitUntil: "load" });
  if (await page.locator('input[name="password"]').count()) {
    await page.fill('input[name="email"]', email);
    await page.fill('input[name="password"]', password);
    await Promise.all([page.waitForLoadState("load"), page.locator('input[name="password"]').press("Enter")]);
    log(`signed in as ${email}`);
  }
  const field = page.locator('input[name="user_code"]');
  await field.waitFor({ timeout: 15000 });
  if (new URL(url).searchParams.has("user_code")) {
    const filled = await field.inputValue();
    if (filled !== code) throw new Error(`the field has ${filled}, the device shows ${code}`);
    log("the link filled in the code");
  } else {
    // As people type: small letters, no dash. The field has the focus.
    await page.keyboard.type(code.replace("-", "").toLowerCase());
    log("typed the code");
  }
  await pictures(page, "device");
  if (keyboard) await page.keyboard.press("Enter");
  else await press(page, "main button[type=submit]");
  const button = `button[name="decision"][value="${decision}"]`;
  await page.locator(button).waitFor({ timeout: 15000 });
  const shown = await page.locator(".code-shown strong").innerText();
  if (shown !== code) throw new Error(`the page shows ${shown}, the device ${code}`);
  await pictures(page, "device-consent");
  await press(page, button);
  await page.locator("main h1").filter({ hasText: /is connected|Denied/ }).waitFor({ timeout: 15000 });
  await pictures(page, "device-done");
  log(`decided ${decision}`);
}

try {
  await withPage({ viewport: { width: 800, height: 900 } }, async (page) => {
    try {
      await walk(page);
    } catch (error) {
      if (out) await page.screenshot({ path: join(out, "failure.png"), fullPage: true }).catch(() => {});
      const text = await page.locator("body").innerText({ timeout: 2000 }).catch(() => "");
      throw new Error(`${error.message}\nat ${page.url()}\nthe page says:\n${text.slice(0, 2000)}`);
    }
  });
} catch (error) {
  log(`failed: ${error.message}`);
  process.exit(1);
}
