"use strict";
// Without this the figure is there, its table says the same, and a click on a moment follows a link.
// It adds a hand that moves over the figure, and tells the page by events on the figure, which bubble:
//   cloudpath:choose {seq, href}    a moment was chosen; cancelable: what the page does not take follows the link
//   cloudpath:range {since, until}  a narrower or wider stretch of time is wanted (RFC 3339)
// A page that puts another figure in the place of one says so by `cloudpath:taken` on the document.
(() => {
  const known = new WeakMap();
  const LETTERS = { one: "A", other: "B" };
  const element = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text, className: name ?? "" });

  // --- what the table says ------------------------------------------------------------------------------------------
  const rowOf = (line, length) => {
    const [status, latency, spread, loss, codes, path, samples] = [...line.cells].slice(1).map((cell) => cell.textContent);
    return {
      seq: Number(line.dataset.seq), x: Number(line.dataset.t) / length, tone: line.className,
      href: line.querySelector("a")?.getAttribute("href") ?? null,
      when: line.cells[0].textContent, status, latency, spread, loss, codes, path, samples,
    };
  };
  const partsOf = (figure) => {
    const [since, until] = [Date.parse(figure.dataset.since), Date.parse(figure.dataset.until)];
    const length = Math.max((until - since) / 1000, 1);
    const rows = [...figure.querySelectorAll("tbody tr")].map((line) => rowOf(line, length));
    const happenings = [...figure.querySelectorAll(".t-happenings li")].map((item) => ({
      x: (Date.parse(item.querySelector("time").dateTime) - since) / 1000 / length,
      said: item.querySelector("b").textContent,
    }));
    return { figure, rows, happenings, since, length, hand: figure.querySelector(".t-hand") };
  };

  const nearest = (rows, x) => {
    let [low, high] = [0, rows.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((rows[middle].x + rows[middle + 1].x) / 2 < x) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  // --- what the hand tells ------------------------------------------------------------------------------------------
  const here = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const abroad = new Date().getTimezoneOffset() !== 0;
  const instantOf = (part, row) => part.since + (row.x * part.length - Number(part.figure.dataset.stretch) / 2) * 1000;
  const meanwhile = (part, at) => {
    const { rows } = part;
    const from = at ? (rows[at - 1].x + rows[at].x) / 2 : -Infinity;
    const to = at + 1 < rows.length ? (rows[at].x + rows[at + 1].x) / 2 : Infinity;
    return part.happenings.filter(({ x }) => x >= from && x < to).map(({ said }) => said);
  };
  const said = (part, at) => {
    const row = part.rows[at];
    const mine = abroad ? ` (${here.format(instantOf(part, row))} your time)` : "";
    const mixed = row.tone === "mixed";
    const verdict = mixed ? `${row.samples} samples: ${row.status}` : row.status;
    return [
      ["b", `${row.when} UTC${mine}`],
      ["span", verdict + (row.codes && (mixed ? ` (${row.codes})` : `: ${row.codes}`)), "verdict-of"],
      ["span", row.latency && `${row.latency} ms${row.spread ? ` (${row.spread})` : ""}`],
      ["span", row.loss && (row.loss === "0%" ? "no loss" : `loss ${row.loss}`)],
      ["span", row.path && `path ${row.path}`],
      ["span", !mixed && row.samples !== "1" && `${row.samples} samples`],
      ...meanwhile(part, at).map((text) => ["span", text]),
      ["span", !row.href && "not in this file", "off"],
    ].filter(([, text]) => text);
  };
  const show = (part, at) => {
    if (part.at === at) return;
    part.at = at;
    const words = said(part, at);
    const told = part.figure.querySelector(".t-readout");
    told.replaceChildren(...words.map(([tag, text, name]) => element(tag, text, name)));
    told.querySelector(".verdict-of").classList.add(part.rows[at].tone);
    part.cursor.style.left = `${part.rows[at].x * 100}%`;
    part.hand.setAttribute("aria-valuenow", String(at));
    part.hand.setAttribute("aria-valuetext", words.map(([, text]) => text).join(", "));
  };

  // --- what is chosen -----------------------------------------------------------------------------------------------
  const place = (part, name, at) => {
    const line = part[name];
    line.hidden = at === undefined;
    if (at !== undefined) line.style.left = `${part.rows[at].x * 100}%`;
  };
  const mark = (part, chosen, compared) => {
    Object.assign(part, { chosen, compared });
    place(part, "one", chosen);
    place(part, "other", compared);
    part.one.classList.toggle("paired", compared !== undefined);
    if (chosen !== undefined) show(part, chosen);
    act(part);
  };
  const openable = (part, from, step) => {
    let at = from;
    do at += step; while (part.rows[at] && !part.rows[at].href);
    return part.rows[at] ? at : undefined;
  };
  const act = (part) => {
    const button = (name) => part.figure.querySelector(`[data-act=${name}]`);
    if (!button("compare")) return;
    const from = part.chosen ?? part.at;
    button("earlier").disabled = openable(part, from, -1) === undefined;
    button("later").disabled = openable(part, from, 1) === undefined;
    button("compare").disabled = !besideOf(part);
    button("compare").setAttribute("aria-pressed", String(part.compared !== undefined));
  };
  const choose = (part, at) => {
    const row = part.rows[at];
    show(part, at);
    if (!row.href) return;
    const detail = { seq: row.seq, href: row.href };
    if (!part.figure.dispatchEvent(new CustomEvent("cloudpath:choose", { bubbles: true, cancelable: true, detail }))) return;
    if (row.href.startsWith("#")) { part.wanted = at; go(row.href); } else location.assign(row.href);
  };

  // --- in one file: sheets change places, and each is there beside the newest one as well ---------------------------
  const groupOf = (part) => part.figure.closest(".group");
  const articleIn = (group) => group?.querySelector("article:not(.hidden, .comparison)");
  const besideOf = (part) => {
    const article = articleIn(groupOf(part));
    return article && groupOf(part).querySelector(`template[data-beside="${article.id}"]`);
  };
  const go = (href) => { if (location.hash === href) follow(); else location.hash = href; };
  const compare = (part) => {
    const [article, template] = [articleIn(groupOf(part)), besideOf(part)];
    const beside = template.content.firstElementChild.cloneNode(true);
    article.before(beside);
    article.classList.add("beside-it");
    mark(part, part.chosen, part.rows.length - 1);
  };
  const single = (group) => {
    group.querySelector("article.comparison")?.remove();
    group.querySelector(".beside-it")?.classList.remove("beside-it");
  };
  const follow = () => {
    // Without a name, as where one goes back to, the newest is meant, as when the page was opened.
    const article = location.hash
      ? document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("article")
      : document.querySelector(".group article");
    const figure = article?.closest(".group")?.querySelector(".timeline");
    if (!figure) return;
    const part = known.get(figure);
    single(groupOf(part));
    window.cloudpath.choose(article);
    const fits = (at) => at !== undefined && part.rows[at].href === `#${article.id}`;
    const at = fits(part.wanted) ? part.wanted : part.rows.findIndex((_, place) => fits(place));
    // The newest sample is there even where its stretch of time opens another one.
    mark(part, at < 0 ? part.rows.length - 1 : at, undefined);
  };

  // --- another stretch of time --------------------------------------------------------------------------------------
  const range = (part, from, to) => {
    const instant = (x) => new Date(part.since + x * part.length * 1000).toISOString();
    const detail = { since: instant(from), until: instant(to) };
    part.figure.dispatchEvent(new CustomEvent("cloudpath:range", { bubbles: true, detail }));
  };
  const zoom = (part, factor) => {
    if (!("zoom" in part.figure.dataset)) return;
    const middle = part.rows[part.at].x;
    const half = factor / 2;
    const from = factor < 1 ? Math.min(Math.max(middle - half, 0), 1 - factor) : 0.5 - half;
    range(part, from, from + factor);
  };

  // --- the hand -----------------------------------------------------------------------------------------------------
  const KEYS = {
    ArrowLeft: (at) => at - 1, ArrowDown: (at) => at - 1, ArrowRight: (at) => at + 1, ArrowUp: (at) => at + 1,
    PageDown: (at) => at - 10, PageUp: (at) => at + 10, Home: () => 0, End: () => Infinity,
  };
  const xOf = (part, event) => {
    const box = part.hand.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  };
  const listen = (part) => {
    const { hand, rows } = part;
    let from = null;
    let dragged = false;
    const stretch = (x) => {
      part.range.hidden = !dragged;
      part.range.style.left = `${Math.min(from, x) * 100}%`;
      part.range.style.width = `${Math.abs(x - from) * 100}%`;
    };
    hand.addEventListener("pointermove", (event) => {
      const x = xOf(part, event);
      show(part, nearest(rows, x));
      if (from === null || !("zoom" in part.figure.dataset) || event.pointerType !== "mouse") return;
      dragged ||= Math.abs(x - from) * hand.clientWidth > 8;
      stretch(x);
    });
    hand.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      from = xOf(part, event);
      dragged = false;
      hand.setPointerCapture(event.pointerId);
    });
    hand.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const x = xOf(part, event);
      if (dragged) range(part, Math.min(from, x), Math.max(from, x));
      else choose(part, nearest(rows, x));
      from = null;
      part.range.hidden = true;
    });
    hand.addEventListener("pointercancel", () => { from = null; part.range.hidden = true; });
    hand.addEventListener("pointerleave", () => {
      if (part.chosen !== undefined && from === null && document.activeElement !== hand) show(part, part.chosen);
    });
    hand.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (KEYS[event.key]) show(part, Math.min(Math.max(KEYS[event.key](part.at), 0), rows.length - 1));
      else if (event.key === "Enter" || event.key === " ") choose(part, part.at);
      else if (event.key === "+") zoom(part, 0.25);
      else if (event.key === "-") zoom(part, 4);
      else return;
      event.preventDefault();
    });
  };
  const ACTS = {
    newest: (part) => go(`#${part.figure.closest(".group").querySelector("article").id}`),
    earlier: (part) => choose(part, openable(part, part.chosen ?? part.at, -1)),
    later: (part) => choose(part, openable(part, part.chosen ?? part.at, 1)),
    compare: (part) => {
      if (part.compared === undefined) compare(part);
      else { single(groupOf(part)); mark(part, part.chosen, undefined); }
    },
    in: (part) => zoom(part, 0.25),
    out: (part) => zoom(part, 4),
  };

  const adopt = (figure) => {
    const hand = figure.querySelector(".t-hand");
    if (!hand || known.has(figure)) return;
    const part = partsOf(figure);
    known.set(figure, part);
    for (const name of ["cursor", "range", "one", "other"]) {
      part[name] = element("i", "", name);
      if (LETTERS[name]) part[name].append(element("b", LETTERS[name]));
      hand.append(part[name]);
    }
    part.range.hidden = true;
    const attributes = {
      role: "slider", tabindex: 0, "aria-label": `${figure.querySelector("h2").textContent}: moment`, "aria-valuemin": 0,
      "aria-valuemax": part.rows.length - 1, "aria-describedby": `${figure.id}-keys`,
    };
    for (const [name, value] of Object.entries(attributes)) hand.setAttribute(name, String(value));
    figure.querySelectorAll(".t-chosen, .t-compared").forEach((line) => line.remove());
    hand.hidden = figure.querySelector(".t-told").hidden = false;
    const given = (name) => (figure.dataset[name] === undefined ? undefined : Number(figure.dataset[name]));
    show(part, given("chosen") ?? part.rows.length - 1);
    mark(part, given("chosen"), given("compared"));
    listen(part);
    for (const button of figure.querySelectorAll("[data-act]")) button.addEventListener("click", () => ACTS[button.dataset.act](part));
  };
  const adoptAll = () => document.querySelectorAll(".timeline").forEach(adopt);

  // A mark leads to what happened, which is folded away until somebody asks.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".t-marks a");
    if (link) document.getElementById(link.getAttribute("href").slice(1)).closest("details").open = true;
  });
  adoptAll();
  addEventListener("hashchange", follow);
  if (location.hash) follow();
  document.addEventListener("cloudpath:taken", adoptAll);
})();
