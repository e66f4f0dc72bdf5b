/* Draws the charts of a page live. Each figure holds its specification and a drawing made ahead: that
   one stays in print, without scripts, and until the shared bundle has come. */
(function () {
  "use strict";
  var figures = [].slice.call(document.querySelectorAll("figure.ob-chart"));
  if (!figures.length) return;
  var here = document.currentScript && document.currentScript.src;
  var bundle = document.createElement("script");
  bundle.src = here ? here.replace(/opsbook\.js.*$/, "opsbook-charts.js") : "reports/assets/opsbook-charts.js";
  bundle.onload = function () { whenSeen(figures, draw); };
  document.body.appendChild(bundle);

  function whenSeen(items, act) {
    if (!("IntersectionObserver" in window)) { items.forEach(act); return; }
    var watcher = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting) return;
        watcher.unobserve(entry.target);
        act(entry.target);
      });
    }, { rootMargin: "300px" });
    items.forEach(function (item) { watcher.observe(item); });
  }

  function draw(figure) {
    var plot = figure.querySelector(".ob-plot");
    var spec = figure.querySelector("script.ob-spec");
    if (!plot || !spec) return;
    var live = document.createElement("div");
    live.className = "ob-live";
    plot.appendChild(live);
    figure.classList.add("ob-drawing");
    var options = { renderer: "svg", actions: false, ast: false, tooltip: { theme: "custom" } };
    window.vegaEmbed(live, JSON.parse(spec.textContent), options).then(
      function () { figure.classList.add("ob-drawn"); },
      function () { live.remove(); figure.classList.remove("ob-drawing"); }
    );
  }
})();
