// SPDX-License-Identifier: Apache-2.0
// Asks the gateway once a second, or twice while something is wrong (people wait
// for its end), and shows what it says. Text from the gateway is only ever set as
// text, never as markup.
import * as words from "./words.js";

const PERIOD_MS = 1000;
const TROUBLE_MS = 500; // the period until all is well again
const LATE_MS = 1500; // without an answer, the figures are called old
const GIVE_UP_MS = 4000; // on one request
const CHECK_MS = 250;

const byId = (id) => document.getElementById(id);
const state = {
  answered: null, // Date of the last answer
  asked: null, // performance.now() of the first request since that answer
  why: "", // the last request failed
  level: null, // the last verdict, in words
  trouble: false, // it was not that all is well
  silent: false,
  commanding: false, // the button's request is under way
  paused: false,
  version: null,
  spoken: null, // key of what was said last
  timer: null, // of the next turn
};

function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) {
    made.className = kind;
  }
  return made;
}

// Writes only what differs.
function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

// Turns the children of `node` into `made`, touching only what differs: what a
// reader has selected or reached stays where it is.
function setContent(node, made) {
  while (node.childNodes.length > made.length) {
    node.lastChild.remove();
  }
  made.forEach((child, i) => {
    const old = node.childNodes[i];
    if (!old) {
      node.append(child);
    } else if (old.nodeName !== child.nodeName ||
        old.className !== child.className) {
      old.replaceWith(child);
    } else if (old.nodeType === Node.TEXT_NODE) {
      setText(old, child.textContent);
    } else {
      setContent(old, [...child.childNodes]);
    }
  });
}

function say(key, text) {
  if (state.spoken !== key) {
    state.spoken = key;
    setText(byId("spoken"), text);
  }
}

// A state in a word, with a sign, so that it is not told by colour alone.
function wordParts({word, sign}) {
  const mark = element("span", `${sign} `, "sign");
  mark.setAttribute("aria-hidden", "true");
  return [mark, document.createTextNode(word)];
}

function pill(look, tag = "span") {
  const made = element(tag, "", `word ${look.kind}`);
  made.append(...wordParts(look));
  return made;
}

// A figure and what belongs to it, below it.
function figure(text, ...below) {
  const made = element("span", "", "figure");
  made.append(typeof text === "string" ? element("span", text) : text);
  made.append(...below.map((line) => element("span", line, "note")));
  return made;
}

// Fills one table, reusing its rows: a row is {cells: [[heading, node, kind]]},
// or {notes: [text]} across the whole table.
function fill(table, rows) {
  const body = table.tBodies[0];
  const width = table.tHead.rows[0].cells.length;
  setContent(body, rows.map((row) => {
    const made = document.createElement("tr");
    if (row.notes) {
      made.className = "notes";
      const cell = made.insertCell();
      cell.colSpan = width;
      cell.append(...row.notes.map((text) => element("p", text)));
      return made;
    }
    for (const [name, content, kind] of row.cells) {
      const cell = made.insertCell();
      cell.dataset.name = name;
      cell.className = kind || "";
      cell.append(content);
    }
    return made;
  }));
}

function streamRows(stream, reasons) {
  const sent = stream.link !== "none";
  const {forecast} = stream;
  const cells = [
    ["Stream", element("strong", stream.name)],
    ["Cloud link", figure(pill(words.link(stream.link)),
      ...(stream.since ? [`since ${words.time(stream.since)}`] : []))],
    ["To send", figure(sent ? words.count(stream.backlog) : words.UNKNOWN,
      ...(sent && stream.backlog > 0 && stream.oldest_age_s !== null
        ? [`oldest ${words.duration(stream.oldest_age_s)}`] : [])), "number"],
    ["All sent in", figure(words.allSentIn(stream)), "number"],
    ["Full in", figure(words.fullIn(stream)), "number"],
    ["Rate", figure(`in ${words.bytes(forecast.bytes_in_per_s)}/s`,
      ...(sent ? [`out ${words.bytes(forecast.bytes_out_per_s)}/s`] : [])),
      "number"],
    ["Events", figure(words.count(stream.end), ...(sent
      ? [`${words.count(stream.cursor)} in the cloud`] : [])), "number"],
    ["Rejected from devices", figure(words.count(stream.rejected),
      `${words.count(stream.duplicates)} repeated`), "number"],
    ["Disk", figure(words.bytes(stream.bytes),
      `${words.bytes(forecast.flash_bytes_per_day)} a day`,
      `commit ${(stream.commit_us_last / 1000).toFixed(2)} ms`), "number"],
  ];
  const notes = words.notes(stream, reasons);
  return notes.length === 0 ? [{cells}] : [{cells}, {notes}];
}

function reasonItem(reason) {
  const item = element("li", "", words.level(reason.level).kind);
  const title = element("p", "", "title");
  title.append(pill(words.level(reason.level)),
    document.createTextNode(` ${words.reasonTitle(reason)}`));
  const facts = [
    ...(reason.since ? [`since ${words.time(reason.since)}`] : []),
    ...(reason.level === "failing" ? [reason.restart_helps
      ? "a restart helps" : "a restart alone does not help"] : []),
    `code ${reason.code}`,
  ];
  item.append(title);
  if (reason.action) {
    item.append(element("p", `What to do: ${reason.action}`));
  }
  item.append(element("p", facts.join(" · "), "note"));
  return item;
}

function showVerdict({verdict, store}) {
  const look = words.level(verdict.level);
  state.level = look.word;
  state.trouble = verdict.level !== "ok";
  document.title = `${look.sign} ${store} – Shopme Edge`;
  byId("level").className = `word ${look.kind}`;
  setContent(byId("level"), wordParts(look));
  setText(byId("since"), verdict.since
    ? `since ${words.time(verdict.since)}` : "");
  byId("reasons").hidden = verdict.reasons.length === 0;
  setContent(byId("reasons"),
    words.worstReasonsFirst(verdict.reasons).map(reasonItem));
}

function showCounts(orders) {
  byId("shop").hidden = orders === null;
  if (orders === null) {
    return;
  }
  const names = {placed: "placed", open: "open", fulfiled: "fulfilled",
    cancelled: "cancelled", rejected: "rejected"};
  setContent(byId("counts"), Object.entries(names).map(([name, word]) => {
    const item = document.createElement("li");
    item.append(element("strong", words.count(orders[name])), ` ${word}`);
    return item;
  }));
}

function showStatus(status) {
  setText(byId("store"), status.store);
  setText(byId("facts"), `version ${status.version}, ` +
    `up ${words.duration(status.uptime_s)}, ` +
    (status.broker.up ? `broker on port ${status.broker.port}`
      : "broker down"));
  showVerdict(status);
  setText(byId("link"), words.summary(status));
  const sinks = status.streams.filter((stream) => stream.link !== "none");
  state.paused = sinks.some((stream) => stream.link === "paused");
  byId("uplink").hidden = sinks.length === 0;
  setText(byId("uplink"), state.paused ? "Resume sending" : "Pause sending");
  fill(byId("streams"), status.streams.flatMap(
    (stream) => streamRows(stream, status.verdict.reasons)));
  showCounts(status.orders);
  const {key, text} = words.spoken(status);
  say(key, text);
}

function stepList(order) {
  const list = element("ol", "", "steps");
  list.append(...words.steps(order).map((look) => pill(look, "li")));
  return order.reason ? figure(list, order.reason) : figure(list);
}

function showOrders(orders) {
  byId("no-orders").hidden = orders.length > 0;
  byId("orders").hidden = orders.length === 0;
  fill(byId("orders"), orders.map((order) => ({cells: [
    ["Order", element("strong", order.order_id)],
    ["Placed", words.time(order.placed)],
    ["From", order.device],
    ["Steps", stepList(order), "wide"],
    ["Total", words.money(order.total_minor, order.currency), "number"],
  ]})));
}

function deviceRows(device, known) {
  const {word, notes} = words.connection(device);
  const away = words.turnedAway(device.refused);
  const since = words.deviceSince(device, known);
  const cells = [
    ["Device", element("strong", device.name)],
    ["State", figure(pill(words.deviceState(device.state, known)),
      ...(since ? [since] : []))],
    ["Connection", figure(word, ...notes)],
    ["Last event", device.last_event ? words.time(device.last_event)
      : words.UNKNOWN],
    ["Events", figure(words.count(device.events), ...(device.rejected > 0
      ? [`${words.count(device.rejected)} rejected`] : [])), "number"],
    ["Turned away", figure(away.length === 0 ? words.UNKNOWN : away[0],
      ...away.slice(1))],
  ];
  const last = words.lastTurnedAway(device);
  return last ? [{cells}, {notes: [last]}] : [{cells}];
}

function showDevices(found) {
  byId("registered").hidden = found === null;
  if (found === null) {
    return;
  }
  const none = found.registered === 0;
  const counts = [[found.registered, "registered"],
    [found.known ? found.online : null, "online"],
    ...(found.silent_after_s > 0 ? [[found.silent, "silent"]] : []),
    [found.refused.reduce((sum, one) => sum + one.count, 0), "turned away"]];
  setContent(byId("device-counts"), counts.map(([value, word]) => {
    const item = document.createElement("li");
    item.append(element("strong", value === null ? words.UNKNOWN
      : words.count(value)), ` ${word}`);
    return item;
  }));
  byId("devices").hidden = none;
  byId("no-devices").hidden = !none;
  fill(byId("devices"), found.devices.flatMap(
    (device) => deviceRows(device, found.known)));
  byId("more-devices").hidden = found.left_out === 0;
  setText(byId("more-devices"), `${words.count(found.left_out)} more are not ` +
    "shown here; all of them: shopme-edge device list");
  const strangers = words.strangers(found.strangers);
  byId("strangers").hidden = strangers === "";
  setText(byId("strangers"), strangers);
}

async function ask(path, options) {
  const answer = await fetch(path, {
    signal: AbortSignal.timeout(GIVE_UP_MS),
    ...options,
  });
  const body = await answer.json();
  if (!answer.ok) {
    throw new Error(body.error);
  }
  return body;
}

// Old figures are called old, in words too, and nothing can be commanded.
function showSilence(silent) {
  const at = state.answered && words.time(state.answered);
  document.body.classList.toggle("stale", silent);
  byId("silence").hidden = !silent;
  for (const name of ["verdict", "streams", "devices", "orders"]) {
    setText(byId(`${name}-old`), !silent ? ""
      : at ? `as of ${at}, not now` : "not known");
  }
  byId("uplink").disabled =
    silent || state.commanding || state.answered === null;
  if (silent) {
    const since = at ? `No answer since ${at}.` : "No answer yet.";
    setText(byId("silent-since"), since);
    setText(byId("silent-why"), state.why);
    byId("level").className = "word";
    setContent(byId("level"), wordParts({sign: "?", word: state.level
      ? `Not known; it was: ${state.level}` : "Not known"}));
    document.title = "✕ No answer – Shopme Edge";
    say("silent", `The gateway does not answer. ${since}`);
  }
  setText(byId("refreshed"), at ? `Last answer at ${at}` : "");
}

function checkSilence() {
  const silent = state.asked !== null &&
    performance.now() - state.asked > LATE_MS;
  if (silent || state.silent) {
    state.silent = silent;
    showSilence(silent);
  }
}

function answered(status, devices, orders) {
  state.answered = new Date();
  state.asked = null;
  state.silent = false;
  if (state.version !== null && state.version !== status.version) {
    location.reload(); // another program: its page may read differently
  }
  state.version = status.version;
  showStatus(status);
  showDevices(devices);
  if (orders !== null) {
    showOrders(orders);
  }
  showSilence(false);
}

async function turn() {
  state.timer = null; // while it asks
  if (state.asked === null) {
    state.asked = performance.now();
  }
  try {
    const status = await ask("/api/v1/status");
    const devices = status.devices ? await ask("/api/v1/devices") : null;
    const orders = status.orders === null ? null
      : (await ask("/api/v1/orders")).orders;
    state.why = "";
    setTimeout(answered, 0, status, devices, orders); // what it throws is no silence
  } catch (error) {
    state.why = error.message;
  }
  const period = state.trouble ? TROUBLE_MS : PERIOD_MS;
  state.timer = setTimeout(turn, document.hidden ? PERIOD_MS * 5 : period);
}

// Who looks again sees what is so now.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.timer !== null) {
    clearTimeout(state.timer);
    turn();
  }
});

byId("uplink").addEventListener("click", async () => {
  state.commanding = true;
  byId("uplink").disabled = true;
  byId("failed").hidden = true;
  try {
    await ask("/api/v1/uplink", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({paused: !state.paused}),
    });
  } catch (error) {
    byId("failed").hidden = false;
    setText(byId("failed"), `Not done: ${error.message}`);
  }
  state.commanding = false;
  byId("uplink").disabled = state.silent;
});

setInterval(checkSilence, CHECK_MS);
turn();
