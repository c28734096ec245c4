"""The fixed parts of the page that a verification writes: style and script, with nothing from anywhere else."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --same: #7a869a; --missing: #0b7a75;
  --surplus: #b45309; --different: #6d28d9; --unreadable: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --missing: #2dd4bf; --surplus: #fbbf24; --different: #a78bfa;
  --unreadable: #f87171; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { font-size: 1.1rem; margin: .25rem 0 1rem; } .equal { color: var(--missing); }
.differs { color: var(--unreadable); } .note { opacity: .8; margin: .15rem 0; }
.cards { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; list-style: none; }
.cards li { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .9rem; min-width: 7rem; }
.cards b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; font-weight: 600; margin: 1.5rem 0 .75rem; }
td.name { overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .85rem; }
pre { margin: .25rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem; margin: .5rem 0; position: sticky; top: 0;
  background: Canvas; padding: .5rem 0; }
input, select { font: inherit; padding: .3rem .5rem; border: 1px solid var(--line); border-radius: .35rem; }
input { flex: 1 1 16rem; min-width: 0; }
.row { display: grid; grid-template-columns: 14rem 1fr; gap: .6rem; align-items: center; margin: .3rem 0; }
.label { overflow-wrap: anywhere; } .bars { display: flex; align-items: center; }
.bar { display: block; height: 1.1rem; min-width: 2px; flex: 0 1 auto; } .count { padding-left: .5rem; }
i.same { background: var(--same); } i.missing { background: var(--missing); }
i.surplus { background: var(--surplus); } i.different { background: var(--different); }
i.unreadable { background: var(--unreadable); }
@media (max-width: 40rem) {
  body { padding: .9rem; } .cards { gap: .4rem; } .cards li { flex: 1 1 6rem; min-width: 0; padding: .35rem .6rem; }
  .row { grid-template-columns: 1fr; gap: .1rem; margin: .6rem 0; }
  thead { display: none; } table, tbody, tr, td { display: block; width: auto; }
  tr { border-bottom: 1px solid var(--line); padding: .45rem 0; } td, td.number { border: 0; padding: .05rem 0; }
  td.number { display: flex; justify-content: space-between; } td.head { font-weight: 600; }
  td[data-label]::before { content: attr(data-label); opacity: .75; } td.sigil, td.kind { display: inline-block; }
  td.sigil { font-weight: 700; padding-right: .6rem; } select { flex: 1 1 9rem; min-width: 0; }
}
.legend { white-space: nowrap; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: .15em; margin: 0 .3em 0 .8em; }
"""

# Rows stay text until they are shown: a million of them are searched line by line, and drawn as far as one scrolls.
SCRIPT = """
"use strict";
const lines = document.getElementById("rows").textContent.trim().split("\\n").filter(Boolean);
const body = document.getElementById("found"), search = document.getElementById("search");
const sigil = document.getElementById("sigil"), kind = document.getElementById("kind");
const shown = document.getElementById("shown"), more = document.getElementById("more");
const PAGE = 200;
let at = 0, drawn = 0;
function matches(line) {
  const row = JSON.parse(line);
  const wanted = (!sigil.value || row[0] === sigil.value) && (!kind.value || row[1] === kind.value);
  const text = search.value.toLowerCase();
  return wanted && (!text || row.slice(2).join(" ").toLowerCase().includes(text)) ? row : null;
}
function draw() {
  let left = PAGE;
  for (; at < lines.length && left; at += 1) {
    const row = matches(lines[at]);
    if (!row) continue;
    const line = body.insertRow();
    row.forEach((value, index) => {
      const cell = line.insertCell();
      cell.textContent = index === 1 ? value.replaceAll("_", " ") : value;
      cell.className = ["sigil", "kind", "name", "reason", ""][index];
    });
    const fields = line.lastChild;
    if (fields.textContent) {
      const list = document.createElement("pre");
      list.textContent = fields.textContent;
      fields.previousSibling.appendChild(list);
    }
    fields.remove();
    left -= 1; drawn += 1;
  }
  const end = at >= lines.length;
  shown.textContent = `${drawn.toLocaleString()} shown` + (end ? "" : ", more below") +
    ` of ${lines.length.toLocaleString()} differences`;
  more.hidden = end;
}
function again() { body.textContent = ""; at = 0; drawn = 0; draw(); }
let waiting = 0;
search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(again, 150); });
sigil.addEventListener("change", again);
kind.addEventListener("change", again);
more.addEventListener("click", draw);
new IntersectionObserver((seen) => { if (seen[0].isIntersecting && !more.hidden) draw(); }).observe(more);
again();
"""
