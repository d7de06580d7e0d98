// Keeps a page up to date: [data-watch="URL"] takes over the fragment of each server-sent event "warnings". Only what has
// changed is replaced, by parts: elements with [data-patch] and an id. Whoever reads or types keeps focus and place. Rows whose
// warning is new or changed flash, and the change is told to screen readers; a changed figure just changes. Without this
// file the page is as it was when loaded.
(function () {
  'use strict';

  const FLASH_MS = 4000;

  function parts(within) {
    return new Map(Array.from(within.querySelectorAll('[data-patch]'), (part) => [part.id, part]));
  }

  function counts(within) {
    return Array.from(within.querySelectorAll('[data-count]'), (cell) => cell.dataset.word + ' ' + parseInt(cell.textContent, 10)).join(', ');
  }

  // What surrounds the parts: where it is another, parts alone will not do.
  function frame(within) {
    const copy = within.cloneNode(true);
    for (const part of copy.querySelectorAll('[data-patch]')) {
      if (part.matches('tr')) part.remove();
      else part.replaceChildren();
    }
    return copy.innerHTML.replace(/\s+/g, '');
  }

  // Puts the rows of a table into the order of `next`; a row that stays is not moved, so that focus stays in it.
  function order(body, next) {
    const wanted = Array.from(next.children);
    const ids = new Set(wanted.map((row) => row.id));
    for (const row of Array.from(body.children)) if (!ids.has(row.id)) row.remove();
    let place = body.firstElementChild;
    for (const row of wanted) {
      const own = document.getElementById(row.id);
      if (own && own === place) {
        place = place.nextElementSibling;
      } else if (own && !own.contains(document.activeElement)) {
        body.insertBefore(own, place);
      } else if (!own) {
        body.insertBefore(document.importNode(row, true), place);
      } else {
        // The focused row stays where it is in the document; the others go around it.
        while (place && place !== own) {
          const after = place.nextElementSibling;
          body.append(place);
          place = after;
        }
        place = own.nextElementSibling;
      }
    }
  }

  function patch(element, next) {
    const flashed = [];
    const before = new Map(Array.from(parts(element), ([id, part]) => [id, part.dataset.row]));
    const body = element.querySelector('tbody');
    const rows = next.querySelector('tbody');
    if (body && rows) order(body, rows);
    for (const [id, wanted] of parts(next)) {
      const part = document.getElementById(id);
      if (!part) continue;
      if (part.innerHTML !== wanted.innerHTML) {
        const focused = part.contains(document.activeElement) ? document.activeElement.id : '';
        part.replaceChildren(...document.importNode(wanted, true).childNodes);
        if (focused) (document.getElementById(focused) || part.querySelector('a, button'))?.focus({ preventScroll: true });
      }
      if (wanted.dataset.row !== undefined) {
        part.dataset.row = wanted.dataset.row;
        if (wanted.dataset.row && before.get(id) !== wanted.dataset.row) flashed.push(part);
      }
    }
    return flashed;
  }

  function renew(element, html) {
    const next = document.createElement('div');
    next.append(...new DOMParser().parseFromString(html, 'text/html').body.childNodes);
    const told = counts(element);
    const known = new Map(Array.from(parts(element), ([id, part]) => [id, part.dataset.row]));
    const [left, top] = [window.scrollX, window.scrollY];
    let flashed;
    if (frame(element) === frame(next)) {
      flashed = patch(element, next);
    } else {
      const focused = element.contains(document.activeElement) ? document.activeElement.id : '';
      element.replaceChildren(...next.childNodes);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      flashed = Array.from(parts(element).values()).filter((part) => part.dataset.row && known.get(part.id) !== part.dataset.row);
    }
    window.scrollTo(left, top);
    for (const row of flashed) {
      row.classList.add('is-news');
      setTimeout(() => row.classList.remove('is-news'), FLASH_MS);
    }
    const news = document.getElementById('watch-news');
    if (news && (flashed.length || told !== counts(element))) news.textContent = news.dataset.text + ': ' + counts(element);
    element.dispatchEvent(new CustomEvent('mj:replaced', { bubbles: true }));
  }

  document.addEventListener('DOMContentLoaded', () => {
    for (const element of document.querySelectorAll('[data-watch]')) {
      const events = new EventSource(element.dataset.watch);
      events.addEventListener('warnings', (event) => renew(element, event.data));
      window.addEventListener('pagehide', () => events.close());
    }
  });
})();
