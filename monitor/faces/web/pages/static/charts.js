// Draws charts where their pictures stand; without this, or where it fails, the pictures stay.
// `ast` has expressions interpreted instead of compiled: nothing here needs eval.
const options = {
  mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false,
  tooltip: { disableDefaultStyle: true },
};
const draw = async (figure) => {
  const answer = await fetch(figure.dataset.chart);
  if (!answer.ok) return;
  const room = document.createElement("div");
  await vegaEmbed(room, await answer.json(), options);
  figure.replaceChildren(room);
};
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    draw(entry.target).catch(() => undefined);
  }
}, { rootMargin: "300px" });
for (const figure of document.querySelectorAll("figure[data-chart]")) seen.observe(figure);
