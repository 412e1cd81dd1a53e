"use strict";
(function () {
  const table = document.getElementById("board");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const kept = JSON.parse(document.getElementById("curves").textContent);
  const asked = Object.fromEntries(["tools", "search", "kind", "verdict", "group", "shown"].map((id) => [id, document.getElementById(id)]));
  const overlay = Object.fromEntries(["overlay", "overlay-plot", "overlay-command", "clear"].map((id) => [id, document.getElementById(id)]));
  const words = rows.map((row) => row.textContent.toLowerCase());
  const ranks = ["NOT EVIDENCE", "WEAK", "EVIDENCE"];
  const MOST = 8;
  const DAY = 86400000;
  let key = "";
  let downwards = false;
  let chosen = [];

  function rank(row) {
    if (key === "name") return row.dataset.name;
    if (key === "verdict") return ranks.indexOf(row.dataset.verdict);
    return row.dataset[key] === "" ? NaN : Number(row.dataset[key]);
  }

  function byKey(one, other) {
    if (key === "") return Number(one.dataset.place) - Number(other.dataset.place);
    const [a, b] = [rank(one), rank(other)];
    if (key === "name") return downwards ? b.localeCompare(a) : a.localeCompare(b);
    const lacks = [a, b].map((value) => Number.isNaN(value) || value === -1 && key === "verdict");
    if (lacks[0] || lacks[1]) return lacks[0] - lacks[1];
    return downwards ? b - a : a - b;
  }

  function wanted(row) {
    const parts = asked.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const own = words[Number(row.dataset.place)];
    return (
      parts.every((part) => own.includes(part)) &&
      (asked.kind.value === "" || row.dataset.kind === asked.kind.value) &&
      (asked.verdict.value === "" || row.dataset.verdict === asked.verdict.value)
    );
  }

  function heading(strategy, count) {
    const row = document.createElement("tr");
    const cell = document.createElement("th");
    row.className = "group";
    cell.colSpan = 8;
    cell.scope = "rowgroup";
    cell.textContent = strategy + " · " + count;
    row.append(cell);
    return row;
  }

  function show() {
    const found = rows.filter(wanted).sort(byKey);
    let parts = found;
    if (asked.group.checked) {
      const groups = new Map();
      found.forEach((row) => groups.set(row.dataset.strategy, (groups.get(row.dataset.strategy) || []).concat(row)));
      parts = Array.from(groups.keys()).sort().flatMap((name) => [heading(name, groups.get(name).length), ...groups.get(name)]);
    }
    body.replaceChildren(...parts);
    asked.shown.textContent = found.length + " of " + rows.length + " shown";
  }

  function sortBy(next, cell) {
    downwards = key === next ? !downwards : next !== "name";
    key = next;
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    cell.setAttribute("aria-sort", downwards ? "descending" : "ascending");
    show();
  }

  function curveOf(place) {
    const [first, days, levels] = kept[place].split("|");
    const start = Math.round(Date.parse(first + "T00:00:00Z") / DAY);
    return [days.split(",").map((day) => start + Number(day)), levels.split(",").map((level) => Number(level) / 10000)];
  }

  function overlaid() {
    overlay.overlay.hidden = chosen.length === 0;
    curves.forget(overlay["overlay-plot"]);
    if (chosen.length === 0) return;
    const each = chosen.map((row) => curveOf(row.dataset.place));
    const days = Array.from(new Set(each.flatMap((curve) => curve[0]))).sort((a, b) => a - b);
    const series = each.map((curve, place) => {
      const at = new Map(curve[0].map((day, point) => [day, curve[1][point]]));
      const name = chosen[place].dataset.name + " " + chosen[place].dataset.strategy;
      return { name: name, colour: place, values: days.map((day) => (at.has(day) ? at.get(day) : null)) };
    });
    curves.draw(overlay["overlay-plot"], { days: days, series: series, format: "wealth" });
    const paired = chosen.filter((row) => /^(run|walk|given|version)/.test(row.dataset.kind)).map((row) => row.dataset.name);
    overlay["overlay-command"].textContent = paired.length > 1 ? "quintile compare " + paired.join(" ") : "choose two to compare them";
  }

  function choose(box) {
    const row = box.closest("tr");
    chosen = box.checked ? chosen.concat(row) : chosen.filter((other) => other !== row);
    if (chosen.length > MOST) chosen.shift().querySelector("input").checked = false;
    overlaid();
  }

  table.querySelectorAll("th[data-key]").forEach((cell) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent;
    button.addEventListener("click", () => sortBy(cell.dataset.key, cell));
    cell.replaceChildren(button);
  });
  ["search", "kind", "verdict", "group"].forEach((id) => asked[id].addEventListener("input", show));
  asked.tools.addEventListener("submit", (event) => event.preventDefault());
  body.addEventListener("change", (event) => choose(event.target));
  overlay.clear.addEventListener("click", () => {
    chosen.forEach((row) => { row.querySelector("input").checked = false; });
    chosen = [];
    overlaid();
    asked.search.focus();
  });
  asked.tools.hidden = false;
  table.classList.add("live");
  show();
})();
