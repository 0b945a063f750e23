/* Segments of this visitor, from the profile API. It never throws and never waits longer than 2 s.
   segmentry({url, token, id}).then(function (answer) { answer.segments; answer.is_fallback; });
   id: "cookie:<value>"; without it, the anonymous id that the Segment client keeps in this page.
   The answer is kept in localStorage, first-party, for 60 s; a late or failed request gets the
   last answer of up to a day, else the fallback: no segments. */
(function (w) {
  "use strict";
  var KEY = "segmentry.v1", FRESH = 6e4, KEPT = 864e5, LIMIT = 2000;
  function read() {
    try { return JSON.parse(w.localStorage.getItem(KEY)) || {}; } catch (e) { return {}; }
  }
  function write(kept) {
    try { w.localStorage.setItem(KEY, JSON.stringify(kept)); } catch (e) { /* not permitted */ }
  }
  function visitor() {
    try {
      var found = w.localStorage.getItem("ajs_anonymous_id") ||
        (/(?:^|; )ajs_anonymous_id=([^;]*)/.exec(w.document.cookie) || [])[1] || "";
      found = decodeURIComponent(found).replace(/^"|"$/g, "");
      return found && "cookie:" + found;
    } catch (e) { return ""; }
  }
  function fallback() {
    return {segments: [], purposes: {}, consent: {}, traits: {}, scores: {}, is_fallback: true};
  }
  w.segmentry = function (options) {
    var id = options.id || visitor(), kept = read(), now = Date.now();
    if (kept.id !== id || !(now - kept.at < KEPT)) kept = {};
    if (!id || kept.answer && now - kept.at < FRESH)
      return Promise.resolve(kept.answer || fallback());
    return new Promise(function (resolve) {
      var abort = w.AbortController && new w.AbortController();
      function last() { resolve(kept.answer || fallback()); }
      var timer = setTimeout(function () { last(); if (abort) abort.abort(); }, LIMIT);
      var headers = {authorization: "Bearer " + options.token};
      if (kept.tag) headers["if-none-match"] = kept.tag;
      w.fetch(options.url.replace(/\/$/, "") + "/v1/profiles/" + encodeURIComponent(id), {
        headers: headers, credentials: "omit", cache: "no-store", signal: abort && abort.signal
      }).then(function (got) {
        if (got.status === 304) return kept.answer;
        if (got.status === 404) return fallback();
        if (!got.ok) throw 0;
        kept.tag = got.headers.get("etag");
        return got.json();
      }).then(function (answer) {
        clearTimeout(timer);
        write({id: id, at: Date.now(), tag: kept.tag, answer: answer});
        resolve(answer);
      }).catch(function () { clearTimeout(timer); last(); });
    });
  };
})(window);
