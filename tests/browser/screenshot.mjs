// A picture of one page: node screenshot.mjs URL OUT.png [WIDTH] [dark]
import { withPage } from "./chromium.mjs";

const [url, out, width = "1000", scheme = "light"] = process.argv.slice(2);
if (!url || !out) {
  console.error("usage: node screenshot.mjs URL OUT.png [WIDTH] [dark]");
  process.exit(2);
}
const options = { viewport: { width: Number(width), height: 900 }, colorScheme: scheme === "dark" ? "dark" : "light" };
await withPage(options, async (page) => {
  const response = await page.goto(url, { waitUntil: "load" });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await page.screenshot({ path: out, fullPage: true });
  console.log(JSON.stringify({ url, status: response?.status(), width: Number(width), overflow }));
});
