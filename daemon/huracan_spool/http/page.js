"use strict";
(() => {
  const stale = document.getElementById("stale");
  let timer;

  // A section in which somebody has text selected stays as it is until they let go.
  const inUse = (section) => {
    const chosen = getSelection();
    return chosen && !chosen.isCollapsed && section.contains(chosen.anchorNode);
  };

  const show = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    document.title = fresh.title;
    for (const section of fresh.querySelectorAll("[data-live]")) {
      const old = document.getElementById(section.id);
      if (!old.isEqualNode(section) && !inUse(old)) old.replaceWith(section);
    }
  };

  const look = async () => {
    clearTimeout(timer);
    try {
      const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(answer.status);
      show(await answer.text());
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
    timer = setTimeout(look, document.hidden ? 30000 : 2000);
  };

  document.addEventListener("visibilitychange", () => document.hidden || look());
  timer = setTimeout(look, 2000);
})();
