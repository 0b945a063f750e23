"use strict";
// Shows the preview of a rule while it is written. Without script, the button does the same.
(function () {
  const form = document.getElementById("rule");
  const place = document.getElementById("preview");
  if (!form || !place) return;
  const waitMs = 500;
  let timer = 0;
  let newest = 0;
  async function ask() {
    const mine = ++newest;
    const fields = new URLSearchParams(new FormData(form));
    const filled = fields.getAll("column").some((text) => text.trim()) || fields.get("where").trim();
    if (!filled) return;
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: fields });
      const text = await answer.text();
      if (mine === newest && answer.ok) place.innerHTML = text;
    } catch {
      // The button remains.
    }
  }
  form.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(ask, waitMs);
  });
})();
