// The table of the keys: one row each, in their order, brought up to date change by change.

import { ago, author, element, moment, plain, short } from "./texts.js";

export class Table {
  constructor(body, choose) {
    this.body = body;
    this.rows = new Map();
    this.chosen = null;
    this.choose = choose;
  }

  get size() {
    return this.rows.size - this.body.getElementsByClassName("gone").length;
  }

  clear() {
    this.rows.clear();
    this.body.replaceChildren();
  }

  // Keys of one page of the list: they come sorted, behind all that are there.
  add(listed) {
    const made = document.createDocumentFragment();
    for (const { key, value, version, change } of listed) {
      if (this.rows.has(key)) continue;
      const row = this.make(key);
      this.fill(row, value, version, change);
      made.append(row.element);
    }
    this.body.append(made);
  }

  // A key in front of `upto` (null: any) finds its place; what lies behind it is not shown yet.
  take(change, upto) {
    let row = this.rows.get(change.key);
    if (change.removed) {
      if (row) this.end(change.key, row);
      return;
    }
    if (!row) {
      if (upto !== null && change.key > upto) return;
      row = this.make(change.key);
      this.body.insertBefore(row.element, this.behind(change.key));
    }
    row.element.classList.remove("gone");
    this.fill(row, change.value, change.version, change);
    this.flash(row);
  }

  end(key, row) {
    row.element.classList.add("gone");
    this.flash(row);
    const version = row.version;
    setTimeout(() => {
      if (row.version !== version || !row.element.classList.contains("gone")) return;
      row.element.remove();
      this.rows.delete(key);
    }, 2500);
  }

  behind(key) {
    let low = 0;
    const all = this.body.children;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle].dataset.key < key) low = middle + 1;
      else high = middle;
    }
    return all[low] ?? null;
  }

  make(key) {
    const line = element("tr");
    // What was said by the server, to sort by and to ask for; never markup.
    line.dataset.key = key;
    const name = element("td", "key");
    const button = element("button", "", plain(key));
    button.type = "button";
    button.title = plain(key);
    name.append(button);
    const cells = [name, element("td", "value"), element("td"), element("td", "quiet"), element("td", "number")];
    line.append(...cells);
    line.addEventListener("click", () => this.choose(key));
    if (key === this.chosen) line.classList.add("chosen");
    const row = { element: line, cells, at: null, version: 0 };
    this.rows.set(key, row);
    return row;
  }

  fill(row, value, version, change) {
    const [, shown, who, , number] = row.cells;
    shown.textContent = short(value);
    who.textContent = author(change);
    who.title = change ? author(change) : "";
    number.textContent = version.toLocaleString("en");
    row.version = version;
    row.at = change ? change.at : null;
    this.date(row, Date.now() / 1000);
  }

  date(row, now) {
    const cell = row.cells[3];
    const text = row.at === null ? "" : ago(row.at, now);
    if (cell.textContent === text) return;
    cell.textContent = text;
    cell.title = row.at === null ? "" : moment(row.at);
  }

  dateAll() {
    const now = Date.now() / 1000;
    for (const row of this.rows.values()) this.date(row, now);
  }

  flash(row) {
    row.element.classList.remove("fresh");
    // Reading the layout makes the next line begin the animation anew.
    void row.element.offsetWidth;
    row.element.classList.add("fresh");
  }

  mark(key) {
    this.rows.get(this.chosen)?.element.classList.remove("chosen");
    this.chosen = key;
    this.rows.get(key)?.element.classList.add("chosen");
  }
}
