"use strict";
// Without this the page says the same: both views stand below each other, and details open by a click.
for (const sheet of document.querySelectorAll("article")) {
  const list = sheet.querySelector(".tabs");
  const tabs = [...list.querySelectorAll("button")];
  const show = (chosen) => {
    for (const tab of tabs) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).classList.toggle("away", !on);
    }
  };
  list.hidden = false;
  for (const tab of tabs) {
    const panel = document.getElementById(tab.getAttribute("aria-controls"));
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => show(tab));
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = tabs.indexOf(document.activeElement);
    const next = { Home: tabs[0], End: tabs.at(-1) }[event.key] ?? (step && tabs.at((at + step) % tabs.length));
    if (!next) return;
    event.preventDefault();
    show(next);
    next.focus();
  });
  show(tabs[0]);
}

// A bead that the mouse rests on shows its details; a click keeps them, and leaving lets them go.
const beads = matchMedia("(hover: hover)").matches && "popover" in HTMLElement.prototype ? ".bead" : null;
for (const bead of beads ? document.querySelectorAll(beads) : []) {
  const details = document.getElementById(bead.getAttribute("popovertarget"));
  let timer = 0;
  let resting = false;
  const later = (act, ms) => { clearTimeout(timer); timer = setTimeout(act, ms); };
  const leave = () => later(() => { if (resting) { resting = false; details.hidePopover(); } }, 250);
  const stay = () => clearTimeout(timer);
  bead.addEventListener("mouseenter", () => later(() => {
    // What somebody opened by a click is not taken away.
    if (document.querySelector("[popover]:popover-open:not([data-resting])")) return;
    if (details.matches(":popover-open")) return;
    resting = true;
    details.dataset.resting = "";
    details.showPopover({ source: bead });
  }, 200));
  bead.addEventListener("mouseleave", leave);
  details.addEventListener("mouseenter", stay);
  details.addEventListener("mouseleave", leave);
  bead.addEventListener("click", (event) => {
    stay();
    if (!resting) return;
    event.preventDefault();
    resting = false;
    delete details.dataset.resting;
  });
  details.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    resting = false;
    delete details.dataset.resting;
  });
}
