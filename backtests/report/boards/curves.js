"use strict";
const curves = (function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const drawn = [];

  function paint(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  const shows = {
    percent: (value) => (100 * value).toFixed(1) + " %",
    ratio: (value) => value.toFixed(3),
    wealth: (value) => value.toFixed(3),
  };

  function show(format, value) {
    return value === null || value === undefined ? "–" : shows[format](value).replace("-", "−");
  }

  function options(place, figure, format) {
    const grid = { stroke: () => paint("--grid"), width: 1 };
    const axis = { stroke: () => paint("--soft"), font: "13px system-ui, sans-serif", grid: grid, ticks: grid };
    return {
      width: Math.max(place.clientWidth, 200),
      height: 240,
      tzDate: (seconds) => uPlot.tzDate(new Date(1000 * seconds), "Etc/UTC"),
      cursor: { sync: { key: "sessions" }, drag: { x: true, y: false } },
      scales: { x: { time: true } },
      axes: [axis, Object.assign({ size: 74, values: (u, ticks) => ticks.map((tick) => show(format, tick)) }, axis)],
      series: [{ label: "session", value: (u, seconds) => (seconds === null ? "–" : new Date(1000 * seconds).toISOString().slice(0, 10)) }].concat(
        figure.series.map((line) => ({
          label: line.name,
          stroke: () => paint("--c" + (line.colour % 8)),
          width: 1.6,
          dash: line.dashed ? [6, 4] : undefined,
          spanGaps: true,
          points: { show: false },
          value: (u, value) => show(format, value),
        })),
      ),
    };
  }

  function draw(place, figure) {
    place.replaceChildren();
    const data = [figure.days.map((day) => 86400 * day)].concat(figure.series.map((line) => line.values));
    const plot = new uPlot(options(place, figure, figure.format), data, place);
    drawn.push({ place: place, plot: plot });
    return plot;
  }

  function forget(place) {
    for (let row = drawn.length - 1; row >= 0; row -= 1) {
      if (drawn[row].place === place) {
        drawn[row].plot.destroy();
        drawn.splice(row, 1);
      }
    }
    place.replaceChildren();
  }

  dark.addEventListener("change", () => drawn.forEach((each) => each.plot.redraw(false)));
  new ResizeObserver(() => {
    drawn.forEach((each) => {
      const width = Math.max(each.place.clientWidth, 200);
      if (width !== each.plot.width) each.plot.setSize({ width: width, height: 240 });
    });
  }).observe(document.documentElement);
  document.querySelectorAll("script[data-curves]").forEach((source) => {
    draw(document.getElementById(source.dataset.curves), JSON.parse(source.textContent));
  });
  document.body.setAttribute("data-drawn", "true");
  return { draw: draw, forget: forget };
})();
