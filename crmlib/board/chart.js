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

async function render({ model, el }) {
  const box = document.createElement("div");
  box.setAttribute("role", "figure");
  el.append(box);
  const Plotly = await plotly(model);
  const draw = () => {
    if (!el.isConnected) return;
    const { data, layout } = structuredClone(model.get("figure"));
    if (!layout) return;
    box.lang = model.get("lang");
    box.setAttribute("aria-label", layout.title?.text ?? "");
    box.style.height = `${layout.height ?? 360}px`; // keep the place, so that nothing jumps
    layout.font = { ...layout.font, color: getComputedStyle(el).color };
    Plotly.react(box, data, layout, { ...CONFIG, locale: model.get("lang") });
  };
  const sized = new ResizeObserver(() => {
    if (!el.clientWidth) return;
    if (!box.data) draw();
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
