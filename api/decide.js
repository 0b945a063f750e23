/* Fills the slots of this page, from POST /v1/decide. It never throws and never waits longer than 2 s.
   <div data-segmentry-slot="home_hero" style="min-height:12rem; display:flow-root">the fallback</div>
   segmentryDecide({url, token, id, context}); id: "cookie:<value>"; without it, the anonymous id
   that the Segment client keeps in this page.
   A slot keeps its place and is not visible until the answer is there. Without one, after 2 s or a
   fault, the content that the page has itself appears, and a later answer changes nothing. */
(function (w) {
  "use strict";
  var LIMIT = 2000;
  function visitor() {
    try {
      var found = w.localStorage.getItem("ajs_anonymous_id") ||
        (/(?:^|; )ajs_anonymous_id=([^;]*)/.exec(w.document.cookie) || [])[1] || "";
      found = decodeURIComponent(found).replace(/^"|"$/g, "");
      return found && "cookie:" + found;
    } catch (e) { return ""; }
  }
  function fill(places, answer) {
    var arms = {};
    places.forEach(function (place) {
      var one = answer.slots[place.getAttribute("data-segmentry-slot")];
      if (!one || one.is_fallback) return;
      if (one.kind === "html") place.innerHTML = one.content;
      else place.textContent = one.content;
      place.setAttribute("data-segmentry-variant", one.variant);
      if (one.experiment) arms[one.experiment] = one.arm;
    });
    return arms;
  }
  w.segmentryDecide = function (options) {
    var id = options.id || visitor();
    var places = [].slice.call(w.document.querySelectorAll("[data-segmentry-slot]"));
    var names = places.map(function (place) { return place.getAttribute("data-segmentry-slot"); })
      .filter(function (name, i, all) { return all.indexOf(name) === i; });
    function show() { places.forEach(function (place) { place.style.visibility = ""; }); }
    function send(path, body, more) {
      body.identifiers = [id];
      var asked = {method: "POST", credentials: "omit", body: JSON.stringify(body), headers: {
        authorization: "Bearer " + options.token, "content-type": "application/json"}};
      for (var key in more) asked[key] = more[key];
      return w.fetch(options.url.replace(/\/$/, "") + path, asked);
    }
    if (!id || !names.length) return Promise.resolve(null);
    places.forEach(function (place) { place.style.visibility = "hidden"; });
    return new Promise(function (resolve) {
      var isOver = false, abort = w.AbortController && new w.AbortController();
      function end(answer) {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        var arms = {};
        try { if (answer) arms = fill(places, answer); } catch (e) { /* the page's own stays */ }
        show();
        if (Object.keys(arms).length)
          send("/v1/shown", {decision_id: answer.decision_id, arms: arms}, {keepalive: true})
            .catch(function () { /* not counted */ });
        resolve(answer);
      }
      var timer = setTimeout(function () { end(null); if (abort) abort.abort(); }, LIMIT);
      try {
        send("/v1/decide", {slots: names, context: options.context || {}},
          {signal: abort && abort.signal}).then(function (got) {
          if (!got.ok) throw 0;
          return got.json();
        }).then(end).catch(function () { end(null); });
      } catch (e) { end(null); }
    });
  };
})(window);
