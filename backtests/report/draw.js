"use strict";
(function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const pointed = window.matchMedia("(pointer: fine)");
  const still = { displayModeBar: false, responsive: true, showTips: false, scrollZoom: false, doubleClick: "reset" };
  const sources = Array.from(document.querySelectorAll("script[data-plot]"));
  const paperSheet = document.querySelector(".paper");
  const sheet = { width: 695, height: 250 };
  let opened = [];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function plotOf(source) {
    return document.getElementById(source.dataset.plot);
  }

  function isDrawn(source) {
    return source.hasAttribute("data-done");
  }

  function inks(ink) {
    return {
      "font.color": ink || colour("--soft"),
      "hoverlabel.bgcolor": colour("--card"),
      "hoverlabel.bordercolor": colour("--rule"),
      "hoverlabel.font.color": colour("--ink"),
    };
  }

  function repaint(ink) {
    sources.filter(isDrawn).forEach((source) => Plotly.relayout(plotOf(source), inks(ink)));
  }

  function draw(source) {
    const figure = JSON.parse(source.textContent);
    source.setAttribute("data-done", "");
    figure.layout.font.color = colour("--soft");
    figure.layout.dragmode = pointed.matches ? "zoom" : false;
    return Plotly.newPlot(plotOf(source), figure.data, figure.layout, still)
      .then((plot) => Plotly.relayout(plot, inks()))
      .then(addTools);
  }

  // a figure in a closed fold has no width yet: it is drawn when the fold opens
  function drawShown() {
    const shown = sources.filter((source) => !isDrawn(source) && !source.closest("details:not([open])"));
    return Promise.all(shown.map(draw));
  }

  function addTools(plot) {
    const tools = document.createElement("div");
    const title = plot.parentElement.querySelector("figcaption b").textContent;
    tools.className = "tools";
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", "Figure: " + title);
    if (plot._fullLayout.xaxis && plot._fullLayout.xaxis.type === "date") {
      tools.append(
        tool("+", "Zoom in", () => move(plot, 0.5, 0)),
        tool("−", "Zoom out", () => move(plot, 2, 0)),
        tool("←", "Earlier", () => move(plot, 1, -0.5)),
        tool("→", "Later", () => move(plot, 1, 0.5)),
        tool("Reset", "Reset zoom", () => Plotly.relayout(plot, { "xaxis.autorange": true })),
      );
    }
    tools.append(tool("PNG", "Save as PNG", () => savePicture(plot, title)));
    plot.parentElement.append(tools);
  }

  function tool(shown, label, action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = shown;
    button.title = label;
    button.setAttribute("aria-label", label);
    button.addEventListener("click", action);
    return button;
  }

  function move(plot, factor, shift) {
    const axis = plot._fullLayout.xaxis;
    const [first, last] = axis.range.map((end) => axis.r2l(end));
    const middle = (first + last) / 2 + shift * (last - first);
    const half = (factor * (last - first)) / 2;
    Plotly.relayout(plot, { "xaxis.range": [axis.l2r(middle - half), axis.l2r(middle + half)] });
  }

  function savePicture(plot, title) {
    const layout = Object.assign({}, plot.layout, { paper_bgcolor: colour("--paper"), width: 1200, autosize: false });
    const shown = title.replace(/&/g, "&amp;").replace(/</g, "&lt;");
    layout.title = { text: shown, x: 0.01, font: { size: 18 } };
    layout.margin = Object.assign({}, plot.layout.margin, { t: 80 });
    layout.height = plot.layout.height + 80;
    return Plotly.toImage({ data: plot.data, layout: layout }, { format: "png", width: 1200, height: layout.height, scale: 2 })
      .then(function (picture) {
        const link = document.createElement("a");
        link.href = picture;
        link.download = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60) + ".png";
        link.click();
      });
  }

  function openTo(anchor) {
    const place = anchor && document.getElementById(anchor);
    if (!place) return;
    const folds = [place.querySelector(":scope > details.fold")];
    for (let node = place; node; node = node.parentElement) folds.push(node.matches("details") ? node : null);
    folds.filter(Boolean).forEach((fold) => fold.setAttribute("open", ""));
    place.scrollIntoView();
  }

  function openHash() {
    openTo(decodeURIComponent(window.location.hash.slice(1)));
  }

  function openAll(folds) {
    const closed = Array.from(document.querySelectorAll(folds)).filter((fold) => !fold.open);
    closed.forEach((fold) => fold.setAttribute("open", ""));
    return closed;
  }

  function addOpener() {
    const list = document.querySelector("nav ul");
    if (!list || !document.querySelector("details.fold")) return;
    const item = document.createElement("li");
    const button = tool("Open all", "Open all sections", function () {
      const closed = openAll("details.fold");
      if (!closed.length) document.querySelectorAll("details.fold").forEach((fold) => fold.removeAttribute("open"));
      button.textContent = closed.length ? "Close all" : "Open all";
      button.setAttribute("aria-label", button.textContent + " sections");
    });
    item.append(button);
    list.append(item);
  }

  // with a sheet, the first figure fits its width and the sections stay on screen; without one all of the page is printed
  function beforePrint() {
    if (!paperSheet) {
      opened = openAll("details");
      drawShown();
      repaint("#444444");
      return;
    }
    const first = sources.find(isDrawn);
    if (first) Plotly.relayout(plotOf(first), Object.assign({ autosize: false }, sheet, type(10), inks("#444444")));
  }

  function type(size) {
    return { "font.size": size, "legend.font.size": size };
  }

  function afterPrint() {
    opened.forEach((fold) => fold.removeAttribute("open"));
    opened = [];
    const first = sources.find(isDrawn);
    if (paperSheet && first) {
      const height = JSON.parse(first.textContent).layout.height;
      Plotly.relayout(plotOf(first), Object.assign({ autosize: true, width: null, height: height }, type(14)));
    }
    repaint();
  }

  drawShown().then(() => document.body.setAttribute("data-drawn", "true"));
  addOpener();
  openHash();
  document.addEventListener("toggle", drawShown, true);
  window.addEventListener("hashchange", openHash);
  document.querySelectorAll("nav a").forEach((link) =>
    link.addEventListener("click", () => openTo(link.getAttribute("href").slice(1))),
  );
  dark.addEventListener("change", () => repaint());
  window.addEventListener("beforeprint", beforePrint);
  window.addEventListener("afterprint", afterPrint);
})();
