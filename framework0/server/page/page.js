// The page: which context and which keys are shown stands in the address behind #, so that it can be kept.

import { keys, namespaces, watch } from "./asking.js";
import { Detail } from "./detail.js";
import { Table } from "./table.js";
import { changeItem } from "./texts.js";

const AT_ONCE = 200;
const SHOWN_CHANGES = 100;
const SEARCH_PAUSE = 250;
const SOON = 500;
const AGAIN = 3000;

const $ = (id) => document.getElementById(id);
const table = new Table($("rows"), (key) => go({ key }));
const detail = new Detail({
  section: $("detail"), name: $("detail-key"), value: $("detail-value"),
  list: $("history"), note: $("history-note"),
});
let shown = {};
let last = null;
let more = false;
let waiting = [];
let endWatch = () => {};
let turn = 0;

function wanted() {
  const said = new URLSearchParams(location.hash.slice(1));
  return {
    namespace: said.get("context") || "default",
    pattern: said.get("keys") || "**",
    key: said.get("key"),
  };
}

function go(change) {
  const next = { ...wanted(), ...change };
  const said = new URLSearchParams();
  if (next.namespace !== "default") said.set("context", next.namespace);
  if (next.pattern !== "**") said.set("keys", next.pattern);
  if (next.key) said.set("key", next.key);
  location.hash = said.toString();
}

function state(name, words) {
  $("state").className = `state ${name}`;
  $("state").textContent = words;
}

function trouble(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = !words;
}

function over() {
  state("gone", "not let in");
  trouble("The server does not know this browser (any more). For a new address type in a terminal: framework0 context browse");
}

function failed(error) {
  if (error.status === 401) over();
  else if (error.status === 0) {
    state("gone", "away");
    trouble("The server does not answer; this page tries again.");
    const mine = turn;
    setTimeout(() => mine === turn && begin(), AGAIN);
  } else trouble(error.message);
}

async function begin() {
  const mine = ++turn;
  endWatch();
  waiting = [];
  const { namespace, pattern } = shown;
  state("", "connecting");
  try {
    await list(namespace);
    const page = await keys(namespace, pattern, null, AT_ONCE);
    if (mine !== turn) return;
    trouble("");
    table.clear();
    take(page);
    $("version").textContent = page.version.toLocaleString("en");
    endWatch = watch(namespace, pattern, page.version, {
      change: (change) => mine === turn && arrived(change),
      resync: () => mine === turn && begin(),
      live: () => { if (mine === turn) { trouble(""); state("live", "live"); } },
      away: () => mine === turn && state("gone", "away, tries again"),
      // Closed for good: what is asked next is told why.
      over: () => setTimeout(() => mine === turn && begin(), SOON),
    });
  } catch (error) {
    if (mine === turn) failed(error);
  }
}

async function list(namespace) {
  const names = new Set([...(await namespaces()), namespace]);
  const box = $("namespace");
  box.replaceChildren(...[...names].sort().map((name) => new Option(name, name, false, name === namespace)));
}

function take(page) {
  table.add(page.keys);
  more = page.next !== null;
  last = page.next;
  count();
}

function count() {
  const number = table.size;
  $("count").textContent = `${number.toLocaleString("en")}${more ? " or more" : ""} ${number === 1 ? "key" : "keys"}`;
  $("more").hidden = !more;
  $("empty").hidden = number > 0;
  $("empty").textContent = shown.pattern === "**" ? "This context is empty." : "No key matches this pattern.";
}

// Changes come faster than a screen can show them: all of one frame are drawn together.
function arrived(change) {
  waiting.push(change);
  if (waiting.length === 1) requestAnimationFrame(draw);
}

function draw() {
  const changes = waiting;
  waiting = [];
  if (!changes.length) return;
  const latest = new Map(changes.map((change) => [change.key, change]));
  for (const change of latest.values()) table.take(change, last);
  const feed = $("changes");
  for (const change of changes.slice(-SHOWN_CHANGES)) {
    const item = changeItem(change, { withKey: true });
    item.className = "fresh";
    feed.prepend(item);
  }
  while (feed.children.length > SHOWN_CHANGES) feed.lastChild.remove();
  $("nothing").hidden = true;
  $("version").textContent = changes.at(-1).version.toLocaleString("en");
  count();
  if (latest.has(detail.key)) detail.open(shown.namespace, detail.key).catch(failed);
}

function follow() {
  const before = shown;
  shown = wanted();
  if (document.activeElement !== $("pattern")) $("pattern").value = shown.pattern === "**" ? "" : shown.pattern;
  table.mark(shown.key);
  if (shown.namespace !== before.namespace || shown.pattern !== before.pattern) begin();
  if (shown.namespace !== before.namespace) {
    $("changes").replaceChildren();
    $("nothing").hidden = false;
  }
  if (!shown.key) detail.close();
  else if (shown.key !== before.key || shown.namespace !== before.namespace) {
    detail.open(shown.namespace, shown.key).catch(failed);
  }
}

let pause = 0;
$("pattern").addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => go({ pattern: $("pattern").value || "**" }), SEARCH_PAUSE);
});
$("namespace").addEventListener("change", () => go({ namespace: $("namespace").value, key: null }));
$("close").addEventListener("click", () => go({ key: null }));
$("more").addEventListener("click", async () => {
  if (!more) return;
  const mine = turn;
  try {
    const page = await keys(shown.namespace, shown.pattern, last, AT_ONCE);
    if (mine === turn) take(page);
  } catch (error) {
    failed(error);
  }
});
addEventListener("hashchange", follow);
setInterval(() => table.dateAll(), 10000);
follow();
