// SPDX-License-Identifier: Apache-2.0
// The page's words: what the gateway's figures say, as text. Nothing here knows
// the document, so a test can call it.

const numbers = new Intl.NumberFormat("en");
const times = new Intl.DateTimeFormat("en-GB", {timeStyle: "medium"});
const days = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short"});

export const UNKNOWN = "–";

// A link's state. "Refused" is only ever said of the cloud; what devices send
// is "rejected".
const links = {
  online: {word: "Online", kind: "good", sign: "✓"},
  idle: {word: "Idle", kind: "", sign: "✓"},
  waiting: {word: "Waiting its turn", kind: "", sign: "…"},
  paused: {word: "Paused", kind: "warn", sign: "‖"},
  throttled: {word: "Slowed by the cloud", kind: "warn", sign: "!"},
  offline: {word: "Offline", kind: "warn", sign: "!"},
  refused: {word: "Refused by the cloud", kind: "bad", sign: "✕"},
  none: {word: "Stays in the store", kind: "", sign: "–"},
};
const worstFirst = [
  "refused", "offline", "throttled", "paused", "waiting", "online", "idle",
];

// What a device is refused at the broker's door is "turned away" here.
const deviceStates = {
  silent: {word: "Silent", kind: "warn", sign: "!"},
  refused: {word: "Turned away", kind: "warn", sign: "✕"},
  offline: {word: "Offline", kind: "", sign: "–"},
  online: {word: "Online", kind: "good", sign: "✓"},
};
const notKnown = {word: "Not known", kind: "", sign: "?"};
const SOON_MS = 30 * 86400 * 1000;

const levels = {
  ok: {word: "All is well", kind: "good", sign: "✓"},
  degraded: {word: "Needs attention", kind: "warn", sign: "!"},
  failing: {word: "Failing", kind: "bad", sign: "✕"},
};

export function link(name) {
  return links[name] || {word: name, kind: "warn", sign: "?"};
}

// While the broker does not answer nobody knows who is connected.
export function deviceState(name, known) {
  if (!known && ["online", "offline"].includes(name)) {
    return notKnown;
  }
  return deviceStates[name] || {word: name, kind: "warn", sign: "?"};
}

// Since when it is connected, or is not.
export function deviceSince({connections, since}, known) {
  const at = since ? ` since ${time(since)}` : "";
  return !known ? "" : connections > 0 ? `connected${at}`
    : since ? `not connected${at}` : "not connected so far";
}

export function connection(device, now = Date.now()) {
  const notes = [];
  if (device.connections > 1) {
    notes.push(`${count(device.connections)} connections`);
  }
  if (device.address) {
    notes.push(`from ${device.address}`);
  }
  const ends = device.certificate_ends;
  if (ends && new Date(ends) - now < SOON_MS) {
    notes.push(`certificate ends ${days.format(new Date(ends))}`);
  }
  return {word: device.by ? `by ${device.by}` : UNKNOWN, notes};
}

export function turnedAway(refused) {
  return refused.map((one) => `${one.reason} ${count(one.count)}`);
}

// What was turned away last, in words; "" if it is long ago or nothing was.
export function lastTurnedAway({state, refused}) {
  const last = refused.find((one) => one.words !== undefined);
  return state === "refused" && last
    ? `Turned away at ${time(last.last)}: ${last.reason}, "${last.words}"` : "";
}

export function strangers({connections, events: sent, refused}) {
  const parts = [];
  if (connections > 0) {
    parts.push(`${count(connections)} connected`);
  }
  if (sent > 0) {
    parts.push(`${events(sent)} sent`);
  }
  if (refused.length > 0) {
    const last = refused.find((one) => one.words !== undefined);
    parts.push(`turned away: ${turnedAway(refused).join(", ")}` +
      (last && last.words ? `, the last "${last.words}"` : ""));
  }
  return parts.length === 0 ? "" : `Without an account: ${parts.join("; ")}.`;
}

export function level(name) {
  return levels[name] || {word: name, kind: "warn", sign: "?"};
}

export function worstReasonsFirst(reasons) {
  const rank = ({level: name}) => Object.keys(levels).indexOf(name);
  return [...reasons].sort((one, other) => rank(other) - rank(one));
}

export function count(value) {
  return numbers.format(value);
}

export function events(value) {
  return `${count(value)} event${value === 1 ? "" : "s"}`;
}

export function duration(seconds) {
  if (seconds < 1) {
    return "under 1 s";
  }
  const units = [[3 * 86400, 86400, "d"], [3600, 3600, "h"], [60, 60, "min"]];
  for (const [from, size, name] of units) {
    if (seconds >= from) {
      return `${count(Math.floor(seconds / size))} ${name}`;
    }
  }
  return `${Math.floor(seconds)} s`;
}

export function bytes(value) {
  const units = ["KiB", "MiB", "GiB", "TiB"];
  if (value < 1024) {
    return `${Math.round(value)} B`;
  }
  let scaled = value / 1024;
  while (scaled >= 1024 && units.length > 1) {
    scaled /= 1024;
    units.shift();
  }
  return `${scaled.toFixed(1)} ${units[0]}`;
}

// Right for currencies whose minor unit is not a hundredth, too.
export function money(minor, currency) {
  try {
    const format = new Intl.NumberFormat("en", {style: "currency", currency});
    const digits = format.resolvedOptions().maximumFractionDigits;
    return format.format(minor / 10 ** digits);
  } catch {
    return `${minor} ${currency}`;
  }
}

// 14:02:33, with the day if it is another one.
export function time(when) {
  const date = new Date(when);
  const today = date.toDateString() === new Date().toDateString();
  return today ? times.format(date)
    : `${days.format(date)}, ${times.format(date)}`;
}

export function allSentIn(stream) {
  if (stream.link === "none") {
    return UNKNOWN;
  }
  if (stream.backlog === 0) {
    return "all sent";
  }
  const left = stream.forecast.drained_in_s;
  return left === null ? UNKNOWN : duration(left);
}

export function fullIn(stream) {
  if (stream.full) {
    return "full";
  }
  const left = stream.forecast.full_in_s;
  return left === null ? UNKNOWN : duration(left);
}

export function reasonTitle({stream, text}) {
  return stream ? `${stream}: ${text}` : text;
}

// What the figures of a stream's row do not say, nor any of `reasons`. A link may
// be online while events are held because the cloud refuses them: then the
// error is shown, too.
export function notes(stream, reasons) {
  const said = [];
  if (stream.refused > 0) {
    said.push(`${events(stream.refused)} held: the cloud refuses ` +
      `${stream.refused === 1 ? "it" : "them"}`);
  }
  if (stream.dead_lettered > 0) {
    said.push(`${events(stream.dead_lettered)} became dead letters since ` +
      "the start");
  }
  if (stream.full) {
    said.push(`full, no new events are accepted: ${stream.full}`);
  }
  if (stream.dropped > 0) {
    said.push(`${events(stream.dropped)} dropped to make room`);
  }
  if (stream.damaged > 0) {
    const ranges = stream.damage.map(([first, last]) => `${first} to ${last}`);
    said.push(`${events(stream.damaged)} lost by the disk: ` +
      ranges.join(", "));
  }
  const failing = ["offline", "refused", "throttled"].includes(stream.link);
  if (stream.last_error && (failing || stream.refused > 0)) {
    said.push(stream.last_error);
  }
  return said.filter((note) =>
    !reasons.some((reason) => reason.text.includes(note)));
}

// One sentence for all streams: the worst link, and what is still to send.
export function summary(status) {
  const sinks = status.streams.filter((stream) => stream.link !== "none");
  const worst = worstFirst.find((name) => sinks.some((s) => s.link === name));
  const backlog = sinks.reduce((sum, stream) => sum + stream.backlog, 0);
  const held = sinks.reduce((sum, stream) => sum + stream.refused, 0);
  const sells = status.verdict.level !== "failing" &&
    status.streams.every((stream) => !stream.full);
  const wait = `${events(backlog)} to send.`;
  const sending = backlog === 0 ? "Everything is in the cloud."
    : held > 0 ? `${wait} ${count(held)} held: the cloud refuses ` +
      `${held === 1 ? "it" : "them"}.`
    : `${events(backlog)} being sent.`;
  const words = {
    refused: `The cloud refuses requests. ${wait}`,
    offline: "No link to the cloud" +
      `${sells ? "; the store keeps selling" : ""}. ${wait}`,
    throttled: `The cloud slows sending down. ${wait}`,
    paused: `Sending is paused. ${wait}`,
    waiting: sending,
    online: sending,
    idle: backlog === 0 ? "Nothing to send yet." : wait,
  };
  return worst ? words[worst]
    : "No stream has a sink; everything stays in the store.";
}

// An order's four steps. All four are there from the start, so that nothing
// moves when one is taken.
export function steps(order) {
  const open = order.state === "open";
  const step = (done, yes, no) => done ? {word: yes, kind: "good", sign: "✓"}
    : {word: no, kind: "", sign: open ? "…" : "–"};
  const ends = {
    fulfiled: {word: "fulfilled", kind: "good", sign: "✓"},
    cancelled: {word: "cancelled", kind: "warn", sign: "✕"},
    rejected: {word: "rejected", kind: "bad", sign: "✕"},
  };
  return [
    step(true, "placed"),
    step(order.reserved, "reserved", "stock"),
    step(order.paid, "paid", "payment"),
    ends[order.state] || {word: "open", kind: "", sign: "…"},
  ];
}

// What a screen reader is told, and when: `key` changes only with the verdict's
// level or reasons, or with a link that begins or ceases to be in trouble. The
// turns that streams take while they send are no change.
export function spoken(status) {
  const {verdict, streams} = status;
  const troubles = streams.filter((stream) =>
    ["refused", "offline", "throttled", "paused"].includes(stream.link));
  const key = [
    verdict.level,
    ...verdict.reasons.map((reason) => `${reason.code} ${reason.stream || ""}`),
    ...troubles.map((stream) => `${stream.name} ${stream.link}`),
  ].join("\n");
  const named = new Set(verdict.reasons.map((reason) => reason.stream));
  const words = [
    level(verdict.level).word,
    ...verdict.reasons.map(reasonTitle),
    ...troubles.filter((stream) => !named.has(stream.name))
      .map((stream) => `${stream.name}: ${link(stream.link).word}`),
  ];
  return {key, text: words.map((part) => part.replace(/[.\s]*$/, ".")).join(" ")};
}
