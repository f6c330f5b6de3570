// One key: its whole value, and its latest changes.

import { history } from "./asking.js";
import { changeItem, long, plain } from "./texts.js";

const LATEST = 50;

export class Detail {
  constructor(parts) {
    this.parts = parts;
    this.key = null;
    this.asked = 0;
  }

  async open(namespace, key) {
    const { section, name, value, list, note } = this.parts;
    const asked = ++this.asked;
    if (key !== this.key) {
      value.textContent = "…";
      list.replaceChildren();
    }
    const other = key !== this.key;
    this.key = key;
    name.textContent = plain(key);
    section.hidden = false;
    // On a narrow screen it is below the table.
    if (other) section.scrollIntoView({ block: "nearest" });
    const changes = await history(namespace, key, LATEST);
    // Another key was chosen, or this one has changed, while the answer was on its way.
    if (asked !== this.asked) return;
    const [latest] = changes;
    if (!latest) value.textContent = "nothing of this key is kept";
    else value.textContent = latest.removed ? "removed" : long(latest.value);
    list.replaceChildren(...changes.map((change) => changeItem(change, { withKey: false })));
    note.textContent = changes.length === LATEST ? `the latest ${LATEST} changes` : "all that is kept";
  }

  close() {
    this.asked++;
    this.key = null;
    this.parts.section.hidden = true;
  }
}
