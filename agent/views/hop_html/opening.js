"use strict";
// The verdict is painted first, and what it rests on in the next frame: thirty hops cost a browser as much again. Whoever
// is led to a place, or comes back to one, finds it there at once.
(() => {
  const page = document.documentElement;
  const opened = () => page.classList.remove("opening");
  if (location.hash || performance.getEntriesByType("navigation")[0]?.type !== "navigate") return;
  page.classList.add("opening");
  addEventListener("DOMContentLoaded", () => requestAnimationFrame(() => setTimeout(opened)));
  addEventListener("beforeprint", opened);
  // A window that nobody sees is given no frames.
  setTimeout(opened, 500);
})();
