// SPDX-License-Identifier: Apache-2.0
// Run in the page by browser.py: what its checks find.
([name, arg]) => {
  const box = (rect) => [rect.left, rect.right].map(Math.round).join("-");
  const shown = (node) => node.checkVisibility({visibilityProperty: true}) &&
    !node.closest(".unseen");

  const checks = {
    text: (selector) => {
      const nodes = [...document.querySelectorAll(selector)].filter(shown);
      return nodes.length === 0 ? null
        : nodes.map((node) => node.innerText).join("\n");
    },

    // What sticks out of the window, or text that sticks out of its own cell.
    overflow: () => {
      const found = [];
      const width = document.documentElement.clientWidth;
      const wide = document.documentElement.scrollWidth;
      if (wide > width) {
        found.push(`the page is ${wide} px wide`);
      }
      const walker = document.createTreeWalker(document.body,
        NodeFilter.SHOW_TEXT);
      const range = document.createRange();
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (!node.data.trim() || !shown(node.parentElement) ||
            node.parentElement.closest("thead") && getComputedStyle(
              document.querySelector("thead")).position === "absolute") {
          continue;
        }
        const home = node.parentElement.closest(
          ".word, button, td, th, li, p, section, body").getBoundingClientRect();
        range.selectNodeContents(node);
        for (const rect of range.getClientRects()) {
          if (rect.left < -1 || rect.right > width + 1 ||
              rect.left < home.left - 1 || rect.right > home.right + 1) {
            found.push(`"${node.data.slice(0, 30)}" at ${box(rect)} ` +
              `sticks out of ${box(home)}`);
          }
        }
      }
      return found;
    },

    // Headings whose column is not to be seen whole.
    columns: () => [...document.querySelectorAll(
      "#streams th, #devices th")]
      .filter((cell) => shown(cell))
      .filter((cell) => {
        const rect = cell.getBoundingClientRect();
        return rect.width < 20 || rect.left < 0 ||
          rect.right > document.documentElement.clientWidth;
      }).map((cell) => cell.textContent),

    // Where each column begins.
    edges: () => [...document.querySelectorAll("th, #uplink")]
      .map((cell) => Math.round(cell.getBoundingClientRect().left * 10)),

    // Elements that only a text taken for markup can have made.
    foreign: () => [...document.querySelectorAll(
      "body script, body img, body b, body svg, body iframe")]
      .map((node) => node.outerHTML),

    // From now on, all that a screen reader is told.
    listen: () => {
      window.heard = [];
      const live = document.querySelectorAll(
        "[aria-live], [role=status], [role=alert], [role=log], output");
      for (const node of live) {
        new MutationObserver(() => window.heard.push(node.textContent))
          .observe(node, {childList: true, characterData: true,
            subtree: true});
      }
    },
    heard: () => window.heard,

    has_axe: () => typeof window.axe === "object",
    axe: async () => {
      const found = await window.axe.run(document, {
        resultTypes: ["violations"],
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
          "best-practice"],
      });
      return found.violations
        .filter(({impact}) => ["serious", "critical"].includes(impact))
        .map(({id, nodes}) => `${id}: ${nodes.map((node) =>
          `${node.target} ${node.any.map((one) => one.message)}`).join("; ")}`);
    },
  };
  return checks[name](arg);
}
