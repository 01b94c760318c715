// What all pages have: asking the server, putting its HTML in place, saying what happens.

export const byId = (id) => document.getElementById(id);

/** An answer as JSON; throws an Error with the server's sentence and status. */
export async function ask(url, options = {}) {
  const answer = await fetch(url, { ...options, credentials: "same-origin", redirect: "error" });
  let told = null;
  try { told = await answer.json(); } catch { /* not JSON: only the status counts */ }
  options.signal?.throwIfAborted();
  if (!answer.ok || told === null) {
    const sentence = told?.error || (answer.status === 403
      ? "This browser is not let in any more: open the link that threadlog serve printed."
      : `The server answered with ${answer.status}.`);
    throw Object.assign(new Error(sentence), { status: answer.status });
  }
  return told;
}

/** Have something changed. */
export function change(url, body) {
  const key = document.querySelector('meta[name="threadlog-key"]').content;
  const headers = { "content-type": "application/json", "x-threadlog-key": key };
  return ask(url, { method: "POST", headers, body: JSON.stringify(body) });
}

/** The server's HTML, in which all that a thread says is escaped, as nodes. */
export function nodes(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content;
}

export function say(text) {
  const status = byId("status");
  if (status && status.textContent !== text) status.textContent = text;
}

/** Calls *work* once things have been quiet for so long. */
export function settled(work, ms) {
  let waiting = 0;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => work(...given), ms);
  };
}

/** Calls *work* at most once a frame. */
export function framed(work) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; work(); });
  };
}

export function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("threadlog-theme", root.dataset.theme); } catch { /* as above */ }
}
