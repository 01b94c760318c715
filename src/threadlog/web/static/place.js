// Where a list was left, for who comes back to it: by the browser's Back, by Esc in a thread, or by loading it again.

const LIST = "threadlog-list", RETURNS = "threadlog-returns";

/** The address of the list that is shown, and the place in it if it is left. */
export function keep(left = null) {
  const url = location.pathname + location.search;
  if (left) history.replaceState({ left }, "");
  try {
    sessionStorage.setItem(LIST, JSON.stringify({ url, left }));
  } catch { /* nothing is kept where nothing may be */ }
}

/** The place that the list which is shown was left at; null for who comes to it anew. */
export function place() {
  try {
    const returns = sessionStorage.getItem(RETURNS);
    sessionStorage.removeItem(RETURNS);
    const kept = returns ? JSON.parse(sessionStorage.getItem(LIST)) : null;
    if (kept?.left && kept.url === location.pathname + location.search) return kept.left;
  } catch { /* as above */ }
  return history.state?.left ?? null;
}

/** To the list as it was left. */
export function backToList() {
  let url = "/";
  try {
    url = JSON.parse(sessionStorage.getItem(LIST))?.url || url;
    sessionStorage.setItem(RETURNS, "1");
  } catch { /* as above */ }
  location.assign(url);
}
