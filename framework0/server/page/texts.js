// How foreign text is shown: as text, in one line, with nothing in it that could move or hide other text.

const LONGEST = 400;
const PAST = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

// Controls, and the signs that turn the direction of what follows, are shown by their numbers.
const ODD = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu;

export function plain(text) {
  return String(text).replace(ODD, (sign) => `\\u${sign.codePointAt(0).toString(16).padStart(4, "0")}`);
}

// Text over several lines keeps its lines.
export function lines(text) {
  return String(text).split("\n").map(plain).join("\n");
}

export function short(value) {
  const text = JSON.stringify(value) ?? "";
  return plain(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

export function long(value) {
  return lines(JSON.stringify(value, null, 2) ?? "");
}

export function author(change) {
  if (!change) return "no longer known";
  const step = change.step ? `${change.step} of ${change.run}` : change.run;
  return plain(step || change.who);
}

export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString();
}

export function ago(seconds, now) {
  const passed = Math.max(0, now - seconds);
  if (passed < 5) return "just now";
  if (passed < 60) return PAST.format(-Math.floor(passed), "second");
  if (passed < 3600) return PAST.format(-Math.floor(passed / 60), "minute");
  if (passed < 86400) return PAST.format(-Math.floor(passed / 3600), "hour");
  return PAST.format(-Math.floor(passed / 86400), "day");
}

// An element with text in it, and no other way to fill one.
export function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function changeItem(change, { withKey }) {
  const item = element("li");
  const value = change.removed ? "removed" : short(change.value);
  const what = withKey ? `${plain(change.key)}${change.removed ? " " : " = "}${value}` : value;
  item.append(element("span", "what", what));
  const by = element("span", "by", `${change.version} · ${author(change)} · `);
  const when = element("time", "", moment(change.at));
  by.append(when);
  item.append(by);
  item.firstChild.title = what;
  return item;
}
