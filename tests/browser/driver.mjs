// SPDX-License-Identifier: Apache-2.0
// Drives Debian's chromium for browser.py: one request a line of JSON on
// standard input, one answer a line on standard output. Ends, and the browser
// with it, when standard input does.
import readline from "node:readline";
import {chromium} from "playwright-core";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  // The sandbox needs a user of its own; root, as in a container, has none.
  args: process.getuid() === 0 ? ["--no-sandbox"] : [],
});
const pages = new Map();
let count = 0;

// What a page says that nobody asked for: errors, and requests elsewhere.
function watch(page, origin) {
  const said = [];
  page.on("console", (line) => {
    if (["error", "warning"].includes(line.type())) {
      said.push(`${line.type()}: ${line.text()} (${line.location().url})`);
    }
  });
  page.on("pageerror", (error) => said.push(`thrown: ${error.stack}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) {
      said.push(`asks elsewhere: ${request.url()}`);
    }
  });
  return said;
}

const does = {
  async open({url, width, height, scheme, reduced, scale}) {
    const context = await browser.newContext({
      viewport: {width, height},
      deviceScaleFactor: scale,
      colorScheme: scheme,
      reducedMotion: reduced ? "reduce" : "no-preference",
      locale: "en-GB",
    });
    const page = await context.newPage();
    const said = watch(page, new URL(url).origin);
    const id = ++count;
    pages.set(id, {page, context, said});
    await page.goto(url);
    return id;
  },
  async evaluate({id, script, arg}) {
    const {page} = pages.get(id);
    const ask = () => page.evaluate(
      `(${script})(${JSON.stringify(arg ?? null)})`);
    return await ask().catch(async (error) => {
      if (!error.message.includes("Execution context was destroyed")) {
        throw error;
      }
      await page.waitForLoadState(); // it is loading anew
      return await ask();
    });
  },
  async click({id, selector}) {
    await pages.get(id).page.click(selector, {timeout: 5000});
  },
  async press({id, key}) {
    await pages.get(id).page.keyboard.press(key);
  },
  async resize({id, width, height}) {
    await pages.get(id).page.setViewportSize({width, height});
  },
  async scheme({id, scheme}) {
    await pages.get(id).page.emulateMedia({colorScheme: scheme});
  },
  async reload({id}) {
    await pages.get(id).page.reload();
  },
  async shot({id, path, whole}) {
    await pages.get(id).page.screenshot({path, fullPage: whole});
  },
  async said({id}) {
    return pages.get(id).said.splice(0);
  },
  async close({id}) {
    await pages.get(id).context.close();
    pages.delete(id);
  },
};

console.log(JSON.stringify({answer: browser.version()}));
for await (const line of readline.createInterface({input: process.stdin})) {
  const {do: name, ...request} = JSON.parse(line);
  try {
    console.log(JSON.stringify({answer: (await does[name](request)) ?? null}));
  } catch (error) {
    console.log(JSON.stringify({error: error.stack}));
  }
}
await browser.close();
