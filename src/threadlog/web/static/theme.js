// Light or dark as it was chosen here, before anything is painted.
(() => {
  try {
    const kept = localStorage.getItem("threadlog-theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch { /* nothing is kept where nothing may be */ }
})();
