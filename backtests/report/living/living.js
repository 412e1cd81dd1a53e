"use strict";
// The controls of a living report: read a setting, let the ledger keep its books, and show what they say.
(function () {
  const root = document.getElementById("living-page"), source = document.getElementById("living-data");
  if (!root || !source) return;
  const ledger = globalThis.QuintileLedger, NORMAL_95 = 1.959963984540054, DAY = 86400;
  const find = (id) => document.getElementById("living-" + id);
  const line = root.querySelector(".living-line"), leftList = root.querySelector(".living-left");
  const sliders = Array.from(root.querySelectorAll("input[type=range]"));
  const settable = { trade_bps: "costs.trade_bps", borrow_bps: "costs.borrow_bps", delay: "execution.extra_delay", k: "portfolio.k", long: "portfolio.long", short: "portfolio.short" };
  const refusals = {
    beyond: "This needs names further down the order than the page carries: a smaller k, or fewer names left out.",
    net: "A decided net exposure above 1 needs borrowed cash, for which the run has no rate: a smaller long leg, or a larger short one.",
    cash: "The fills would need borrowed cash, for which the run has no rate: a smaller long leg, or a lower cost.",
    insolvent: "The book is insolvent within this span: smaller legs.",
    nothing: "Nothing is decided that fills within these sessions: an earlier start, or a later end.",
  };
  let known, setting, plots, decided, decidedKey, ownShown, left = [];
  let looked = {};

  // ---- settings ----

  const stepsOf = (slider) => JSON.parse(slider.dataset.steps);
  const shown = (name, value) => {
    if (name === "k") return known.header.book.k_is_share ? percent(value, 1) : String(value);
    return name === "long" || name === "short" ? percent(value, 0) : String(value);
  };

  function label(slider) {
    const words = shown(slider.name, stepsOf(slider)[slider.value]);
    slider.parentElement.querySelector("output").textContent = words;
    slider.setAttribute("aria-valuetext", words);
  }

  const dayOf = (date) => Math.round(Date.parse(date + "T00:00:00Z") / 1000 / DAY);
  const dateOf = (day) => new Date(day * DAY * 1000).toISOString().slice(0, 10);

  function readSetting() {
    const read = { ...known.own, left_out: left.slice().sort((a, b) => a - b) };
    for (const slider of sliders) read[slider.name] = stepsOf(slider)[slider.value];
    const days = known.header.days, from = dayOf(find("first").value), to = dayOf(find("last").value);
    if (from > days[known.own.first]) {
      read.first = days.findIndex((day) => day >= from);
      if (read.first < 0) read.first = known.n - 1;
    }
    if (to < days[known.n - 1]) while (read.last > 0 && days[read.last] > to) read.last--;
    return read;
  }

  const keyOf = (each) => JSON.stringify([each.trade_bps, each.borrow_bps, each.delay, each.k, each.long, each.short, each.first, each.last, each.left_out]);
  const bookKeyOf = (each) => JSON.stringify([each.k, each.long, each.short, each.left_out]);

  // ---- what was looked at ----

  const store = "quintile-living-" + root.dataset.key;

  function remembered() {
    try { return JSON.parse(sessionStorage.getItem(store)) || {}; } catch { return {}; }
  }

  function remember() {
    try { sessionStorage.setItem(store, JSON.stringify(looked)); } catch { /* a page without storage counts until it is closed */ }
  }

  function count(each, sharpe) {
    const key = keyOf(each);
    if (key === keyOf(known.own) || key in looked) return;
    looked[key] = Number.isFinite(sharpe) ? sharpe : null;
    remember();
  }

  const trials = () => [...known.header.sharpes, ...Object.values(looked)].map((each) => (each === null ? NaN : each));

  // ---- words ----

  const minus = (words) => words.replace("-", "\u2212");
  const number = (value, digits = 2) => (Number.isFinite(value) ? minus(value.toFixed(digits)) : "n/a");
  const percent = (value, digits = 1) => (Number.isFinite(value) ? number(100 * value, digits) + "\u00a0%" : "n/a");
  const spread = (found) => `${number(found.sharpe)}\u00a0±\u00a0${number(found.error)}`;
  const range = (found) => `${number(found.sharpe - NORMAL_95 * found.error)} to ${number(found.sharpe + NORMAL_95 * found.error)}`;

  function standingWords(standing) {
    if (standing.count < 5) return [`${number(standing.probabilistic, 3)} of the ${number(standing.bar, 3)} that ${standing.count} trials ask for`, "PSR"];
    return [number(standing.deflated, 3), "DSR"];
  }

  function say(now) {
    const standing = now.standing, span = `${dateOf(known.header.days[now.path.rows[0]])} to ${dateOf(known.header.days[now.path.rows.at(-1)])}`;
    const worth = standing.count < 5
      ? `Probabilistic Sharpe ratio ${number(standing.probabilistic, 3)}; with ${standing.count} trials it must reach ${number(standing.bar, 3)} (Bonferroni).`
      : `The best of ${standing.count} trials without skill is expected to show ${number(standing.expected)}; deflated Sharpe ratio ${number(standing.deflated, 3)}.`;
    line.textContent = `Sharpe ratio ${spread(now.figures)} net, 95 % range ${range(now.figures)}, ${span}. ` +
      `Trials looked at: ${standing.count}, ${Object.keys(looked).length} of them on this page. ${worth}`;
  }

  function rowsOf(now) {
    const found = now.figures, [worth] = standingWords(now.standing);
    return [
      ["Sharpe, net ± SE", spread(found)], ["Sharpe, net, 95 % range", range(found)],
      ["Annual return, net", percent(found.annual)], ["Maximum drawdown", percent(found.drawdown)],
      ["Turnover, annualised, one way", `${number(found.turnover, 1)} ×`], ["Cost drag, annualised", percent(found.cost, 2)],
      ["Trials looked at", String(now.standing.count)], ["Expected maximum Sharpe of these trials", number(now.standing.expected)],
      ["Deflated Sharpe ratio (below 5 trials: probabilistic)", worth], ["Sessions", String(found.sessions)],
    ];
  }

  function fill(now) {
    const own = rowsOf({ ...ownShown, standing: ledger.standing(ownShown.figures.law, trials(), known.header.year) });
    find("figures").replaceChildren(...rowsOf(now).map(([name, value], place) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      row.append(head, ...[value, own[place][1]].map((words) => {
        const cell = document.createElement("td");
        cell.textContent = words;
        return cell;
      }));
      return row;
    }));
  }

  // ---- pictures ----

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function plot(place, height, ticks) {
    const axis = (more) => ({ stroke: () => colour("--soft"), grid: { stroke: () => colour("--rule"), width: 1 }, ticks: { show: false }, font: "13px system-ui, sans-serif", ...more });
    const options = {
      width: Math.max(place.clientWidth, 100), height, legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { show: false } },
      tzDate: (second) => uPlot.tzDate(new Date(second * 1000), "Etc/UTC"),
      axes: [axis({ grid: { show: false } }), axis({ size: 62, values: (_, values) => values.map(ticks) })],
      series: [{}, { stroke: () => colour("--soft"), dash: [5, 4], width: 1.2 }, { stroke: () => colour("--accent"), width: 1.8 }],
    };
    const drawn = new uPlot(options, [[0], [null], [null]], place);
    let width = options.width;
    new ResizeObserver(() => {
      const wide = Math.floor(place.clientWidth);
      if (wide > 0 && wide !== width) drawn.setSize({ width: (width = wide), height });
    }).observe(place);
    return drawn;
  }

  function onRows(path, values) {
    const all = new Array(known.n).fill(null);
    path.rows.forEach((row, place) => { all[row] = values[place]; });
    return all;
  }

  function draw(now) {
    const seconds = known.header.days.map((day) => day * DAY), from = known.own.first;
    const both = (of) => [seconds.slice(from), of(ownShown).slice(from), of(now).slice(from)];
    plots[0].setData(both((each) => onRows(each.path, each.equity)));
    plots[1].setData(both((each) => onRows(each.path, each.figures.drawdowns)));
  }

  // ---- the answer to a setting ----

  function answer(each) {
    const key = bookKeyOf(each);
    if (key !== decidedKey) [decided, decidedKey] = [ledger.decide(known, each), key];
    const books = ledger.keepBooks(known, each, decided), path = ledger.pathOf(known, each, books);
    if (!path.rows.length) throw new ledger.Refused("nothing");
    const figures = ledger.figuresOf(known, path);
    return { path, figures, books, equity: path.rows.map((row) => books.equity[row] / known.header.capital) };
  }

  function show() {
    const begun = performance.now();
    setting = readSetting();
    let now;
    try {
      now = answer(setting);
    } catch (error) {
      if (!(error instanceof ledger.Refused)) throw error;
      decidedKey = undefined;
      line.textContent = refusals[error.message];
      find("copy").disabled = true;
      return;
    }
    ownShown = ownShown || now;
    count(setting, now.figures.sharpe);
    now.standing = ledger.standing(now.figures.law, trials(), known.header.year);
    say(now);
    fill(now);
    draw(now);
    tell();
    root.dataset.redrawn = String(Number(root.dataset.redrawn || 0) + 1);
    root.dataset.milliseconds = (performance.now() - begun).toFixed(1);
  }

  // ---- the command ----

  function settingsTold() {
    const own = known.own, told = [], untold = [];
    for (const [name, path] of Object.entries(settable)) {
      if (setting[name] === own[name]) continue;
      const scalesOnly = known.header.book.reach === null && (name === "long" || name === "short");
      const value = name === "delay" ? known.header.extra_delay + setting.delay - own.delay : setting[name];
      if (scalesOnly) untold.push("a scaled leg");
      else told.push(`--set ${path}=${written(name, value)}`);
    }
    if (setting.first !== own.first || setting.last !== own.last) untold.push("start and end");
    if (setting.left_out.length) untold.push("names left out");
    return [told, untold];
  }

  const written = (name, value) => (name === "k" && known.header.book.k_is_share && Number.isInteger(value) ? value.toFixed(1) : String(value));

  function tell() {
    const [told, untold] = settingsTold(), command = root.dataset.command;
    find("command").textContent = command && told.length ? `${command} ${told.join(" ")}` : command;
    find("command").hidden = !command;
    find("copy").disabled = !command;
    find("told").textContent = [
      untold.length ? `No setting of a run says ${untold.join(" or ")}: give other bars or another universe.` : "",
      command ? "A real run decides everything anew: it is a trial in the log, and another delay or cost may change the scores too." : "",
    ].filter(Boolean).join(" ");
  }

  async function copy() {
    const words = find("command").textContent;
    try {
      await navigator.clipboard.writeText(words);
      find("told").textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(find("command"));
      find("told").textContent = "The command is selected: copy it with the keyboard.";
    }
  }

  // ---- names left out ----

  function leaveOut(columns) {
    left = [...new Set([...left, ...columns])];
    list();
    show();
  }

  function list() {
    leftList.hidden = left.length === 0;
    leftList.replaceChildren(...left.map((column) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = `${known.header.tickers[column]} ×`;
      button.setAttribute("aria-label", `Take ${known.header.tickers[column]} back`);
      button.addEventListener("click", () => {
        left = left.filter((each) => each !== column);
        list();
        show();
      });
      item.append(button);
      return item;
    }));
  }

  function leaveName() {
    const column = known.header.tickers.indexOf(find("name").value.trim());
    if (column < 0) return;
    find("name").value = "";
    leaveOut([column]);
  }

  function leaveSector() {
    const sector = find("sector").value, sectors = known.header.sectors;
    left = [];
    leaveOut(sector ? sectors.flatMap((each, column) => (each === sector ? [column] : [])) : []);
  }

  function reset() {
    left = [];
    sliders.forEach((slider) => {
      slider.value = slider.defaultValue;
      label(slider);
    });
    for (const id of ["first", "last", "name"]) find(id).value = find(id).defaultValue;
    if (find("sector")) find("sector").value = "";
    list();
    show();
  }

  // ---- beginning ----

  function listen() {
    sliders.forEach((slider) => {
      label(slider);
      slider.addEventListener("input", () => label(slider));
      slider.addEventListener("change", show);
    });
    find("first").addEventListener("change", show);
    find("last").addEventListener("change", show);
    find("name").addEventListener("change", leaveName);
    if (find("sector")) find("sector").addEventListener("change", leaveSector);
    root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    find("reset").addEventListener("click", reset);
    find("copy").addEventListener("click", copy);
    root.querySelectorAll(":disabled").forEach((control) => { control.disabled = false; });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach((each) => each.redraw()));
  }

  async function begin() {
    if (!("DecompressionStream" in globalThis)) {
      line.textContent = "This browser cannot unpack the run's numbers: Chrome or Edge from 80, Safari from 16.4, Firefox from 113.";
      return;
    }
    known = await ledger.unpack(source.textContent);
    looked = remembered();
    plots = [plot(find("curve"), 300, (value) => number(value)), plot(find("drawdown"), 150, (value) => percent(value, 0))];
    listen();
    find("note").textContent = `Net of costs, ${known.header.year} sessions a year, risk-free 0. The standard error of a Sharpe ratio is Mertens' (2002), from skewness and kurtosis, ` +
      "and the range ± 1.96 of them, which is not the bootstrap range of the table of books. Every distinct setting that a slider rests on is one trial more, in this tab until it is closed; " +
      "the log's trials are those on these bars and this span. Start and end move the account, not the smoothing before it.";
    show();
    root.dataset.ready = "true";
  }

  begin();
})();
