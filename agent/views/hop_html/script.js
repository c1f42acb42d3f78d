"use strict";
// Without this the page says the same: both views stand below each other, and details open by a click.
// Everything is heard at the document, so that a sheet that comes later (`cloudpath.adopt`) behaves like the first.
(() => {
  const KEPT = "[popover]:popover-open:not([data-resting])";
  const of = (opener) => document.getElementById(opener.getAttribute("popovertarget"));
  let view = 0;

  // --- tabs ---------------------------------------------------------------------------------------------------------
  const tabsOf = (list) => [...list.querySelectorAll("[role=tab]")];
  const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

  // What one looks at stays when another moment is chosen: the view is the page's, not a sheet's.
  const showView = (number) => {
    view = number;
    for (const list of document.querySelectorAll("[role=tablist]:not([hidden])")) {
      tabsOf(list).forEach((tab, at) => {
        tab.setAttribute("aria-selected", String(at === view));
        tab.tabIndex = at === view ? 0 : -1;
        panelOf(tab).classList.toggle("away", at !== view);
      });
    }
  };

  const adopt = (article) => {
    const list = article.querySelector("[role=tablist]");
    if (!list) return;
    for (const tab of tabsOf(list)) {
      panelOf(tab).setAttribute("role", "tabpanel");
      panelOf(tab).setAttribute("aria-labelledby", tab.id);
    }
    list.hidden = false;
    // Where the browser lets a page write (a file and a loopback address are secure contexts), never a dead button.
    for (const copy of article.querySelectorAll(".copy")) copy.hidden = !navigator.clipboard;
    for (const track of article.querySelectorAll(".track")) {
      track.querySelectorAll(".bead").forEach((bead, at) => { bead.tabIndex = at ? -1 : 0; });
    }
    showView(view);
  };

  // --- one sheet of several -----------------------------------------------------------------------------------------
  const choose = (article) => {
    const group = article.closest(".group");
    if (!group) return;
    for (const other of document.querySelectorAll(".group")) other.classList.toggle("unchosen", other !== group);
    for (const other of group.querySelectorAll("article")) other.classList.toggle("hidden", other !== article);
    for (const link of document.querySelectorAll(".samples a")) {
      if (link.hash === `#${article.id}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };

  const follow = () => {
    // Without a name, as where one goes back to, the page is as it was opened.
    const meant = location.hash ? document.getElementById(location.hash.slice(1)) : document.querySelector(".group article");
    const article = meant?.closest("article");
    if (!article) return;
    choose(article);
    if (meant !== article) meant.scrollIntoView();
  };

  // --- hops ---------------------------------------------------------------------------------------------------------
  // A hop that the mouse or the focus rests on shows its details; a click keeps them, and leaving lets them go.
  let timer = 0;
  let byKey = false;
  const later = (act, ms) => { clearTimeout(timer); timer = setTimeout(act, ms); };
  const resting = () => document.querySelector("[data-resting]:popover-open");
  const leave = () => later(() => resting()?.hidePopover(), 250);
  const rest = (bead) => {
    const details = of(bead);
    // What somebody opened by a click is not taken away.
    if (document.querySelector(KEPT) || details.matches(":popover-open")) return;
    details.dataset.resting = "";
    details.showPopover({ source: bead });
  };

  const hears = "popover" in HTMLElement.prototype;
  const hovers = hears && matchMedia("(hover: hover)").matches;
  document.addEventListener("mouseover", (event) => {
    if (!hovers) return;
    const bead = event.target.closest(".bead");
    if (bead) later(() => rest(bead), resting() ? 80 : 200);
    else if (event.target.closest("[data-resting]")) clearTimeout(timer);
    else leave();
  });
  document.addEventListener("keydown", (event) => {
    byKey = ["Tab", "ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key);
  }, true);
  document.addEventListener("pointerdown", () => { byKey = false; }, true);
  document.addEventListener("focusin", (event) => {
    const bead = event.target.closest(".bead");
    if (!bead) return;
    for (const other of bead.closest(".track").querySelectorAll(".bead")) other.tabIndex = other === bead ? 0 : -1;
    // Focus that comes back from details that were closed must not open them again.
    if (hears && byKey) rest(bead);
  });
  document.addEventListener("focusout", (event) => {
    const open = event.target.closest(".bead, [data-resting]") && resting();
    if (open && !open.contains(event.relatedTarget)) open.hidePopover();
  });
  document.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && event.target.matches(".sheet")) delete event.target.dataset.resting;
  }, true);

  // --- what is clicked and pressed ----------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) showView(tabsOf(tab.closest("[role=tablist]")).indexOf(tab));
    const copy = event.target.closest(".copy");
    if (copy) copyText(copy);
    const bead = event.target.closest(".bead");
    if (!bead) return;
    clearTimeout(timer);
    if (!of(bead).matches("[data-resting]:popover-open")) return;
    event.preventDefault();
    delete of(bead).dataset.resting;
  });
  const copyText = async (button) => {
    const pre = button.parentElement.querySelector("pre");
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = "Selected: copy it now";
    }
    setTimeout(() => { button.textContent = said; }, 2500);
  };
  const stepped = (all, from, key) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    return { Home: all[0], End: all.at(-1) }[key] ?? (step && all[all.indexOf(from) + step]);
  };
  document.addEventListener("keydown", (event) => {
    const at = event.target.closest("[role=tab], .bead");
    if (!at || event.altKey || event.ctrlKey || event.metaKey) return;
    const tablist = at.closest("[role=tablist]");
    const all = tablist ? tabsOf(tablist) : [...at.closest(".track").querySelectorAll(".bead")];
    const next = stepped(all, at, event.key);
    if (!next) return;
    event.preventDefault();
    if (tablist) showView(all.indexOf(next));
    next.focus();
  });

  document.querySelectorAll("article").forEach(adopt);
  const first = document.querySelector(".group article");
  if (first) choose(first);
  addEventListener("hashchange", follow);
  if (location.hash) follow();
  window.cloudpath = { adopt, choose };
})();
