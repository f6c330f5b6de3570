// What the page asks the server: JSON over HTTP, and changes as they happen over Server-Sent Events.

export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

function place(namespace) {
  return `/v1/contexts/${encodeURIComponent(namespace)}`;
}

async function ask(path, wanted = {}) {
  let answer;
  try {
    answer = await fetch(`${path}?${new URLSearchParams(wanted)}`, { credentials: "same-origin" });
  } catch {
    throw new Refused(0, "the server does not answer");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said.detail ?? `the server answers ${answer.status}`);
  return said;
}

export async function namespaces() {
  return (await ask("/v1/contexts")).contexts;
}

export function keys(namespace, pattern, after, limit) {
  const wanted = { pattern, limit, values: true, authors: true };
  if (after) wanted.after = after;
  return ask(`${place(namespace)}/keys`, wanted);
}

export async function history(namespace, key, limit) {
  return (await ask(`${place(namespace)}/history`, { key, limit, newest: true })).changes;
}

// Calls what fits of `tell`: change(object), resync(), live(), away(), over(). Returns what ends it.
export function watch(namespace, pattern, since, tell) {
  const source = new EventSource(`${place(namespace)}/events?${new URLSearchParams({ pattern, since })}`);
  source.addEventListener("open", tell.live);
  source.addEventListener("change", (event) => tell.change(JSON.parse(event.data)));
  source.addEventListener("resync", tell.resync);
  source.addEventListener("error", () => (source.readyState === EventSource.CLOSED ? tell.over() : tell.away()));
  return () => source.close();
}
