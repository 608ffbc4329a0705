// Draws the charts in the page's own colours, and anew when those or its width change.
const charts = JSON.parse(document.getElementById("charts").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 760px)");
const isAxis = (name) => /^[xy]axis\d*$/.test(name);

function layout(own, width) {
  const colors = getComputedStyle(document.documentElement);
  const ink = colors.getPropertyValue("--ink"), line = colors.getPropertyValue("--line");
  const axes = Object.entries(own).filter(([name]) => isAxis(name)).map(([name, axis]) => [name, {
    gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true, fixedrange: narrow.matches,
    ...(axis.type === "category" && name.startsWith("x")
      ? { nticks: Math.max(4, Math.floor(width / 75)), tickangle: "auto" } : {}), ...axis,
  }]);
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: ink },
    margin: { t: 8, r: 12, b: 32, l: 44 }, bargap: 0.25,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" },
    hoverlabel: { bgcolor: colors.getPropertyValue("--card"), bordercolor: line, font: { color: ink } },
    ...own, ...Object.fromEntries(axes),
  };
}

function draw() {
  for (const [place, chart] of Object.entries(charts)) {
    Plotly.react(place, chart.traces, layout(chart.layout, document.getElementById(place).clientWidth), {
      responsive: true, displayModeBar: false,
    });
  }
}

draw();
dark.addEventListener("change", draw);
narrow.addEventListener("change", draw);
