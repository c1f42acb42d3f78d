"use strict";
// Without this every page and every link works; it keeps the page up to date, and what one looks at where it is.
(() => {
  const EVERY_MS = 3000;
  const PATIENCE_MS = 8000;
  const body = document.body;
  const pulse = () => document.getElementById("pulse");
  let timer = 0;
  let misses = 0;
  let told = 0;
  let turn = 0;

  // --- what the page says of itself ----------------------------------------------------------------------------------
  const says = (kind, text) => {
    const line = pulse();
    if (!line || line.querySelector(".says").textContent === text) return;
    line.className = `pulse ${kind}`;
    line.querySelector(".says").textContent = text;
  };
  // For those who hear the page. A new sample whose verdict is that of the last is not worth an interruption.
  const announce = (text) => { document.getElementById("news").textContent = text; };
  const MOST_ANNOUNCED = 3;
  const words = (element) => element?.textContent.trim().replace(/\s+/g, " ") ?? "";
  const verdict = (place, name) => `${words(place.querySelector(name))}: ${words(place.querySelector(".status"))}`;
  const verdicts = () => {
    const rows = [...document.querySelectorAll("main .target")].map((row) => verdict(row, "h2"));
    return rows.length ? rows : [...document.querySelectorAll("main > article")].map((sheet) => verdict(sheet, "h2"));
  };
  const announceSince = (before) => {
    const changed = verdicts().filter((each) => !before.includes(each));
    if (changed.length > MOST_ANNOUNCED) announce(words(document.querySelector("main .tallies")));
    else if (changed.length) announce(changed.join(". "));
  };
  const UNITS = [[172800, 86400, "days"], [7200, 3600, "h"], [120, 60, "min"], [0, 1, "s"]];
  const ago = (seconds) => {
    if (seconds < 5) return "just now";
    const [, unit, name] = UNITS.find(([least]) => seconds >= least);
    return `${Math.floor(seconds / unit)} ${name} ago`;
  };
  const age = () => {
    for (const time of document.querySelectorAll("main time[datetime]:not([data-fixed])")) {
      const text = ago(Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000));
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // --- another page in the place of this one -------------------------------------------------------------------------
  // What one has open or marked is not taken away.
  const engaged = () =>
    document.querySelector("[popover]:popover-open, .t-hand:hover, .t-hand:focus") !== null ||
    !(getSelection()?.isCollapsed ?? true) ||
    ["INPUT", "SELECT"].includes(document.activeElement?.tagName);

  // The same place on the other page: by its id, else by where it leads, else by what it says.
  const counterpart = (was) => {
    if (!was || was === body) return null;
    if (was.id) return document.getElementById(was.id);
    if (was.matches("[role=slider]")) return document.querySelector("main [role=slider]");
    const like = [...document.querySelectorAll(`main ${was.tagName}`)];
    const href = was.getAttribute("href");
    return like.find((each) => href !== null && each.getAttribute("href") === href)
      ?? like.find((each) => each.textContent === was.textContent) ?? null;
  };
  const open = () => [...document.querySelectorAll("main details")].map((each) => each.open);

  const take = (text, address) => {
    const other = new DOMParser().parseFromString(text, "text/html");
    const main = other.querySelector("main");
    if (!main) return false;
    const was = document.activeElement;
    const opened = open();
    document.title = other.title;
    document.getElementById("tab-icon").href = other.getElementById("tab-icon").href;
    document.querySelector(".bar nav").replaceWith(other.querySelector(".bar nav"));
    document.querySelector("main").replaceWith(main);
    for (const name of ["state", "after", "newer", "follows"]) {
      if (other.body.dataset[name] === undefined) delete body.dataset[name];
      else body.dataset[name] = other.body.dataset[name];
    }
    if (pulse()) pulse().hidden = !body.dataset.state;
    const details = [...document.querySelectorAll("main details")];
    if (details.length === opened.length) details.forEach((each, at) => { each.open = opened[at]; });
    if (window.cloudpath) document.querySelectorAll("main article").forEach((each) => cloudpath.adopt(each));
    document.dispatchEvent(new CustomEvent("cloudpath:taken", { detail: { address } }));
    if (was && !was.isConnected) counterpart(was)?.focus({ preventScroll: true });
    told = 0;
    return true;
  };

  const load = async (address, { keep = false } = {}) => {
    const mine = ++turn;
    body.dataset.busy = "";
    try {
      const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      const text = await answer.text();
      // A later click has the page by now.
      if (mine !== turn) return true;
      if (!(answer.headers.get("content-type") ?? "").startsWith("text/html")) return false;
      if (keep && engaged()) return true;
      const before = verdicts();
      const taken = take(text, address);
      if (taken && keep) announceSince(before);
      return taken;
    } catch {
      return false;
    } finally {
      if (mine === turn) delete body.dataset.busy;
    }
  };

  const go = async (address) => {
    if (!(await load(address))) { location.href = address; return; }
    if (address !== location.href) history.pushState(null, "", address);
    announce([".moment", "article .status"].map((place) => words(document.querySelector(`main ${place}`))).join(" "));
    soon(EVERY_MS);
  };
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a[href]");
    const meant = link && (link.dataset.swap === "" || link.closest("[data-swap-links]"));
    if (!meant || link.origin !== location.origin || link.hasAttribute("download")) return;
    event.preventDefault();
    go(link.href);
  });
  // What is chosen by the hand on the time line (timeline.js).
  document.addEventListener("cloudpath:choose", (event) => {
    event.preventDefault();
    go(new URL(event.detail.href, location.href).href);
  });
  document.addEventListener("cloudpath:range", (event) => {
    const address = new URL(location.href);
    address.searchParams.delete("range");
    address.searchParams.set("since", event.detail.since);
    address.searchParams.set("until", event.detail.until);
    go(address.href);
  });
  addEventListener("popstate", async () => {
    if (location.hash) return;
    if (!(await load(location.href))) location.reload();
  });

  // --- what is new ---------------------------------------------------------------------------------------------------
  const soon = (ms) => { clearTimeout(timer); if (!document.hidden && body.dataset.state) timer = setTimeout(ask, ms); };

  const tell = (newer) => {
    if (newer === told) return;
    told = newer;
    const line = document.getElementById("newer");
    const text = `${newer} newer sample${newer === 1 ? "" : "s"}`;
    if (!line || !newer) return;
    const link = line.querySelector("a");
    line.replaceChildren(`${text}. `, link);
    says("live", text);
  };

  const ask = async () => {
    const mine = turn;
    let state = null;
    try {
      const address = new URL(body.dataset.state, location.href);
      const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status === 404 || answer.status === 421) return says("lost", "This page has ended: start cloudpath ui again");
      state = await answer.json();
      if (!answer.ok) throw new Error(state.problem);
      misses = 0;
    } catch (error) {
      misses += 1;
      if (misses > 1) says("lost", state ? "The store cannot be read just now" : "Connection lost, trying again");
    }
    age();
    if (state && !misses && mine === turn) {
      if (body.dataset.follows !== undefined) {
        // Less than before: a store that was made anew.
        const fresh = state.newest !== Number(body.dataset.after);
        if (!fresh || (!engaged() && await load(location.href, { keep: true }))) says("live", "Live");
        else says("live", "A newer sample is there");
      } else if (state.newer) tell(state.newer + Number(body.dataset.newer));
      else says("live", "Live");
    }
    soon(misses ? Math.min(EVERY_MS * misses, 15000) : EVERY_MS);
  };

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) soon(0);
  });
  if (body.dataset.state) {
    says("live", "Live");
    soon(EVERY_MS);
  }
  setInterval(() => { if (!document.hidden) age(); }, 5000);
})();
