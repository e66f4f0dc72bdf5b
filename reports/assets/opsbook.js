/* Draws the charts of a page live. Each figure holds its specification and a drawing made ahead: that
   one stays in print, without scripts, and until the shared bundle has come. The bundle is found beside
   this script, so that it loads over http, in a sub-folder, from file:// and in JupyterLab. */
(function () {
  "use strict";
  var here = document.currentScript.src;
  var waiting = null;

  function withBundle(act) {
    if (window.vegaEmbed) { act(); return; }
    if (waiting) { waiting.push(act); return; }
    waiting = [act];
    var bundle = document.createElement("script");
    bundle.src = here.replace(/opsbook\.js.*$/, "opsbook-charts.js");
    bundle.onload = function () { waiting.splice(0).forEach(function (ready) { ready(); }); };
    document.head.appendChild(bundle);
  }

  function draw(figure) {
    var plot = figure.querySelector(".ob-plot");
    var spec = figure.querySelector("script.ob-spec");
    if (!plot || !spec || figure.classList.contains("ob-drawing")) return;
    figure.classList.add("ob-drawing");
    var live = document.createElement("div");
    live.className = "ob-live";
    live.style.width = "100%";
    plot.appendChild(live);
    var options = { renderer: "svg", actions: false, ast: false, tooltip: { theme: "custom" } };
    withBundle(function () {
      window.vegaEmbed(live, JSON.parse(spec.textContent), options).then(
        function () { quiet(live); figure.classList.add("ob-drawn"); },
        function () { live.remove(); figure.classList.remove("ob-drawing"); }
      );
    });
  }

  /* The plot has its role and its label; the marks within are parts of that one picture. */
  function quiet(live) {
    ["role", "aria-roledescription", "aria-label"].forEach(function (name) {
      live.querySelectorAll("svg [" + name + "]").forEach(function (mark) { mark.removeAttribute(name); });
    });
  }

  function whenSeen(figures) {
    if (!("IntersectionObserver" in window)) { figures.forEach(draw); return; }
    var watcher = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting) return;
        watcher.unobserve(entry.target);
        draw(entry.target);
      });
    }, { rootMargin: "300px" });
    figures.forEach(function (figure) { watcher.observe(figure); });
  }

  window.opsbook = { draw: draw };
  if (!document.getElementById("jupyter-config-data")) {
    whenSeen([].slice.call(document.querySelectorAll("figure.ob-chart")));
  }
})();
