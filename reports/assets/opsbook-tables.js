// Tables that sort: a head's button sorts its column, once up, then down. Without this file the
// tables stand as they came. Cells carry data-sort where their text would sort wrongly; an empty
// one goes last. Rows that tie keep their order.
(() => {
  "use strict";
  const key = (row, i) => {
    const cell = row.cells[i];
    const given = cell.getAttribute("data-sort");
    const raw = (given === null ? cell.textContent : given).trim();
    const value = raw === "" ? NaN : Number(raw);
    return { empty: raw === "", value: Number.isNaN(value) ? raw : value };
  };
  const compare = (a, b, way) => {
    if (a.empty || b.empty) return a.empty - b.empty;
    if (typeof a.value === "number" && typeof b.value === "number") return way * (a.value - b.value);
    return way * String(a.value).localeCompare(String(b.value), document.documentElement.lang);
  };
  const sort = (button) => {
    const head = button.closest("th");
    const up = head.getAttribute("aria-sort") !== "ascending";
    const rows = head.closest("table").tBodies[0];
    const keyed = [...rows.rows].map((row) => [key(row, head.cellIndex), row]);
    keyed.sort((a, b) => compare(a[0], b[0], up ? 1 : -1));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    rows.append(...keyed.map(([, row]) => row));
  };
  document.documentElement.classList.add("ob-sorts");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.ob-sort");
    if (button) sort(button);
  });
})();
