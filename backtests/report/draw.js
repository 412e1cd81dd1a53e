"use strict";
(function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const still = { displayModeBar: false, responsive: true, showTips: false, scrollZoom: false, doubleClick: false };
  const plots = Array.from(document.querySelectorAll("script[data-plot]"));

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function paper(ink) {
    return {
      "font.color": ink || colour("--soft"),
      "hoverlabel.bgcolor": colour("--card"),
      "hoverlabel.bordercolor": colour("--rule"),
      "hoverlabel.font.color": colour("--ink"),
    };
  }

  function repaint(ink) {
    plots.forEach((source) => Plotly.relayout(source.dataset.plot, paper(ink)));
  }

  function draw(source) {
    const figure = JSON.parse(source.textContent);
    figure.layout.font.color = colour("--soft");
    figure.layout.dragmode = false;
    return Plotly.newPlot(source.dataset.plot, figure.data, figure.layout, still);
  }

  Promise.all(plots.map(draw)).then(() => repaint()).then(() => document.body.setAttribute("data-drawn", "true"));
  dark.addEventListener("change", () => repaint());
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach((folded) => folded.setAttribute("open", ""));
    repaint("#444444");
  });
  window.addEventListener("afterprint", () => repaint());
})();
