// SPDX-License-Identifier: Apache-2.0
// Asks the gateway once a second and shows what it says. Text from the gateway
// is only ever set as text, never as markup.
"use strict";

const PERIOD_MS = 1000;
const LATE_MS = 5000;

const byId = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en");
const kindOf = {
  online: "good",
  offline: "warn",
  refused: "bad",
  paused: "warn",
  idle: "",
  none: "",
};

let paused = false;
let answeredAt = 0;
const before = new Map(); // stream -> {at, cursor, rate} to tell its speed

function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) {
    made.className = kind;
  }
  return made;
}

// Writes only what differs, so that a screen reader does not repeat it.
function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

function duration(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"]];
  for (const [size, name] of units) {
    if (seconds >= size) {
      return `${Math.floor(seconds / size)} ${name}`;
    }
  }
  return `${Math.floor(seconds)} s`;
}

function bytes(count) {
  const mib = count / 1048576;
  return mib >= 1024 ? `${(mib / 1024).toFixed(1)} GiB` : `${mib.toFixed(1)} MiB`;
}

// Right for currencies whose minor unit is not a hundredth, too.
function money(minor, currency) {
  try {
    const format = new Intl.NumberFormat("en", {style: "currency", currency});
    const digits = format.resolvedOptions().maximumFractionDigits;
    return format.format(minor / 10 ** digits);
  } catch {
    return `${minor} ${currency}`;
  }
}

function time(text) {
  const date = new Date(text);
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleString();
}

// How fast the cursor moves, smoothed over some ten answers.
function drainRate(stream, now) {
  const last = before.get(stream.name);
  let rate = 0;
  if (last && now > last.at) {
    const speed = ((stream.cursor - last.cursor) * 1000) / (now - last.at);
    rate = last.rate === 0 ? speed : last.rate * 0.8 + speed * 0.2;
  }
  before.set(stream.name, {at: now, cursor: stream.cursor, rate});
  return rate;
}

function drainWords(stream, rate) {
  if (stream.link === "none") {
    return "stays in the store";
  }
  if (stream.backlog === 0) {
    return "all sent";
  }
  if (rate < 0.5) {
    return stream.oldest_age_s === null
      ? "waiting"
      : `waiting, oldest ${duration(stream.oldest_age_s)}`;
  }
  const left = duration(stream.backlog / rate);
  return `${numbers.format(Math.round(rate))}/s, ${left} left`;
}

// Fills one table, reusing its rows: cells are [heading, node or text].
function fill(table, rows) {
  const body = table.tBodies[0];
  while (body.rows.length > rows.length) {
    body.deleteRow(-1);
  }
  rows.forEach((cells, i) => {
    const row = body.rows[i] || body.insertRow();
    cells.forEach(([name, content, kind], j) => {
      const cell = row.cells[j] || row.insertCell();
      cell.dataset.name = name;
      cell.className = kind || "";
      if (typeof content === "string") {
        setText(cell, content);
      } else if (!cell.firstChild || !cell.firstChild.isEqualNode(content)) {
        cell.replaceChildren(content);
      }
    });
  });
}

function eventCount(count) {
  return `${numbers.format(count)} event${count === 1 ? "" : "s"}`;
}

// The notes next to a link's state. A link may be online while events are held
// because the cloud refuses them: then the reason is shown, too.
function linkNotes(stream) {
  const notes = [];
  if (stream.since) {
    notes.push(`since ${time(stream.since)}`);
  }
  if (stream.refused > 0) {
    notes.push(`${eventCount(stream.refused)} held, refused by the cloud`);
  }
  if (stream.full) {
    notes.push(`full, no new events are accepted: ${stream.full}`);
  }
  if (stream.dropped > 0) {
    notes.push(`${eventCount(stream.dropped)} dropped to make room`);
  }
  if (stream.damaged > 0) {
    const ranges = stream.damage.map(([first, last]) => `${first} to ${last}`);
    notes.push(`${eventCount(stream.damaged)} lost by the disk: ` +
      ranges.join(", "));
  }
  if (stream.last_error && (stream.link !== "online" || stream.refused > 0)) {
    notes.push(stream.last_error);
  }
  return notes;
}

function linkCell(stream) {
  const cell = element("span", "");
  cell.append(element("span", stream.link, `word ${kindOf[stream.link]}`));
  cell.append(...linkNotes(stream).map((words) =>
    element("span", words, "note")));
  return cell;
}

function streamRow(stream, now) {
  const drains = drainWords(stream, drainRate(stream, now));
  const sent = stream.link === "none" ? "–" : numbers.format(stream.cursor);
  const commit = `${(stream.commit_us_last / 1000).toFixed(2)} ms`;
  return [
    ["Stream", stream.name],
    ["Link", linkCell(stream)],
    ["Backlog", numbers.format(stream.backlog), "number"],
    ["Drains", drains],
    ["In the cloud", sent, "number"],
    ["In the journal", numbers.format(stream.end), "number"],
    ["Refused events", numbers.format(stream.rejected), "number"],
    ["Repeated events", numbers.format(stream.duplicates), "number"],
    ["Last commit", commit, "number"],
    ["Disk", bytes(stream.bytes), "number"],
  ];
}

// One line for all streams: the worst link, and what is still to send.
function summary(status) {
  const order = ["refused", "offline", "paused", "online", "idle"];
  const sinks = status.streams.filter((stream) => stream.link !== "none");
  const worst = order.find((link) => sinks.some((s) => s.link === link));
  const backlog = sinks.reduce((sum, stream) => sum + stream.backlog, 0);
  const held = sinks.reduce((sum, stream) => sum + stream.refused, 0);
  const events = eventCount(backlog);
  const words = {
    refused: ["Refused", `The cloud refuses requests; ${events} waiting.`],
    offline: ["Offline", `The store keeps selling; ${events} waiting.`],
    paused: ["Paused", `Sending is paused; ${events} waiting.`],
    online: ["Online", backlog === 0 ? "Everything is in the cloud."
      : held > 0 ? `${events} waiting, ${numbers.format(held)} of them ` +
        "refused by the cloud."
      : `${events} being sent.`],
    idle: ["Idle", "Nothing to send yet."],
  };
  return worst
    ? [kindOf[worst], ...words[worst]]
    : ["", "None", "No stream has a sink; everything stays in the store."];
}

function showLink([kind, word, words]) {
  byId("link-word").className = `word ${kind}`;
  setText(byId("link-word"), word);
  setText(byId("link-words"), words);
}

function damageWords(status) {
  const damaged = status.streams.filter((stream) => stream.damaged > 0);
  return damaged.length === 0 ? "" : "The disk has lost events of " +
    damaged.map((stream) => stream.name).join(", ");
}

function showStatus(status) {
  document.title = `Shopme Edge ${status.store}`;
  setText(byId("store"), status.store);
  const broker = status.broker.up
    ? `broker on port ${status.broker.port}`
    : "broker down";
  setText(byId("facts"), `version ${status.version}, ` +
    `up ${duration(status.uptime_s)}, ${broker}`);
  showLink(summary(status));
  const alarm = [...status.verdict.reasons.map(reasonWords),
    damageWords(status)].filter(Boolean);
  byId("alarm").hidden = alarm.length === 0;
  setText(byId("alarm"), alarm.join("; "));
  const sinks = status.streams.filter((stream) => stream.link !== "none");
  paused = sinks.some((stream) => stream.link === "paused");
  byId("uplink").hidden = sinks.length === 0;
  setText(byId("uplink"), paused ? "Resume uplink" : "Pause uplink");
  const now = performance.now();
  fill(byId("streams"), status.streams.map((s) => streamRow(s, now)));
  showCounts(status.orders);
}

function reasonWords(reason) {
  const where = reason.stream ? `${reason.stream}: ` : "";
  return `${where}${reason.text}; ${reason.action}`;
}

function showCounts(orders) {
  byId("shop").hidden = orders === null;
  if (orders === null) {
    return;
  }
  const names = ["placed", "open", "fulfiled", "cancelled", "rejected"];
  byId("counts").replaceChildren(...names.map((name) => {
    const item = document.createElement("li");
    item.append(element("strong", numbers.format(orders[name])), ` ${name}`);
    return item;
  }));
}

function steps(order) {
  const list = element("ul", "", "steps");
  const add = (text, kind) => list.append(element("li", text, `step ${kind}`));
  add("placed", "good");
  if (order.state === "open" || order.state === "fulfiled" || order.reserved) {
    add(order.reserved ? "reserved" : "stock …", order.reserved ? "good" : "");
  }
  if (order.state === "open" || order.state === "fulfiled" || order.paid) {
    add(order.paid ? "paid" : "payment …", order.paid ? "good" : "");
  }
  const ends = {fulfiled: "good", cancelled: "warn", rejected: "bad"};
  if (order.state in ends) {
    add(order.state, ends[order.state]);
  }
  const cell = element("span", "");
  cell.append(list);
  if (order.reason) {
    cell.append(element("span", order.reason, "note"));
  }
  return cell;
}

function showOrders(orders) {
  byId("no-orders").hidden = orders.length > 0;
  byId("orders").hidden = orders.length === 0;
  fill(byId("orders"), orders.map((order) => [
    ["Order", order.order_id],
    ["Placed", time(order.placed)],
    ["From", order.device],
    ["Steps", steps(order)],
    ["Total", money(order.total_minor, order.currency), "number"],
  ]));
}

async function ask(path, options) {
  const answer = await fetch(path, {
    signal: AbortSignal.timeout(LATE_MS),
    ...options,
  });
  const body = await answer.json();
  if (!answer.ok) {
    throw new Error(body.error);
  }
  return body;
}

function showLate() {
  const silent = Math.round((Date.now() - answeredAt) / 1000);
  setText(byId("refreshed"), answeredAt === 0 || silent < 3
    ? "Refreshed each second"
    : `The gateway has not answered for ${silent} s`);
}

async function turn() {
  try {
    const status = await ask("/api/v1/status");
    showStatus(status);
    if (status.orders !== null) {
      showOrders((await ask("/api/v1/orders")).orders);
    }
    answeredAt = Date.now();
  } catch {
    showLink(["bad", "No answer",
      "The gateway does not answer; the figures below are old."]);
  }
  showLate();
  setTimeout(turn, document.hidden ? PERIOD_MS * 5 : PERIOD_MS);
}

byId("uplink").addEventListener("click", async () => {
  byId("uplink").disabled = true;
  try {
    await ask("/api/v1/uplink", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({paused: !paused}),
    });
  } catch (error) {
    byId("alarm").hidden = false;
    setText(byId("alarm"), error.message);
  }
  byId("uplink").disabled = false;
});

turn();
