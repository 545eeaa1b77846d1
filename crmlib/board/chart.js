const CONFIG = {
  responsive: true,
  displaylogo: false,
  showSendToCloud: false, // its button offers to upload the chart
  plotlyServerURL: "",
  modeBarButtonsToRemove: ["lasso2d", "select2d"],
};

function plotly(model) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  const tag = document.querySelector("script[data-crm-plotly]");
  return new Promise((resolve, reject) => {
    if (tag) {
      tag.addEventListener("load", () => resolve(window.Plotly));
      tag.addEventListener("error", reject);
      return;
    }
    model.on("msg:custom", (_content, scripts) => {
      for (const script of window.Plotly ? [] : scripts) {
        const added = document.createElement("script");
        added.textContent = new TextDecoder().decode(script);
        document.head.append(added);
      }
      resolve(window.Plotly);
    });
    model.send("scripts");
  });
}

// Plotly does not wrap titles; about seven pixels a letter at their size.
function wrapped(text, width) {
  const most = Math.max(18, Math.floor((width - 40) / 7.5));
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= most) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

async function render({ model, el }) {
  const box = document.createElement("div");
  box.setAttribute("role", "figure");
  el.append(box);
  const Plotly = await plotly(model);
  let titleLines = 1;
  const draw = () => {
    if (!el.isConnected) return;
    const { data, layout } = structuredClone(model.get("figure"));
    if (!layout) return;
    const title = wrapped(layout.title?.text ?? "", el.clientWidth || 640);
    titleLines = title.length;
    if (title.length > 1) {
      layout.title.text = title.join("<br>");
      const more = 20 * (title.length - 1);
      layout.margin = { ...layout.margin, t: (layout.margin?.t ?? 48) + more };
      layout.height = (layout.height ?? 360) + more;
    }
    box.lang = model.get("lang");
    box.setAttribute("aria-label", title.join(" "));
    box.style.height = `${layout.height ?? 360}px`; // keep the place, so that nothing jumps
    const color = getComputedStyle(el).color;
    layout.font = { ...layout.font, color };
    // Plotly takes the ground behind a matrix for white when it picks the colour of its texts.
    for (const each of data) if (each.type === "heatmap") each.textfont = { color };
    Plotly.react(box, data, layout, { ...CONFIG, locale: model.get("lang") });
  };
  const sized = new ResizeObserver(() => {
    if (!el.clientWidth) return;
    const text = model.get("figure").layout?.title?.text ?? "";
    if (!box.data || wrapped(text, el.clientWidth).length !== titleLines) draw();
    else Plotly.Plots.resize(box);
  });
  sized.observe(el);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", draw);
  model.on("change:figure change:lang", draw);
  const narrow = () => box.data && Plotly.relayout(box, { width: Math.min(el.clientWidth, 640) });
  const widen = () => box.data && Plotly.relayout(box, { width: null, autosize: true });
  addEventListener("beforeprint", narrow);
  addEventListener("afterprint", widen);
  draw();
  return () => {
    sized.disconnect();
    dark.removeEventListener("change", draw);
    removeEventListener("beforeprint", narrow);
    removeEventListener("afterprint", widen);
    Plotly.purge(box);
  };
}

export default { render };
