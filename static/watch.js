// Keeps the watch page up to date: [data-watch="URL"] takes over the fragment of each server-sent event "warnings".
// Rows that are new or changed flash, and the change is told to screen readers. Without this file the page is as it was
// when loaded.
(function () {
  'use strict';

  const FLASH_MS = 4000;

  function rows(within) {
    return new Map(Array.from(within.querySelectorAll('[data-row]'), (row) => [row.dataset.row, row]));
  }

  function counts(within) {
    return Array.from(within.querySelectorAll('[data-count]'), (cell) => cell.dataset.word + ' ' + parseInt(cell.textContent, 10)).join(', ');
  }

  function renew(element, html) {
    const next = new DOMParser().parseFromString(html, 'text/html').body;
    const before = rows(element);
    const told = counts(element);
    const changed = [...rows(next)].filter(([key]) => !before.has(key)).map(([, row]) => row);
    if (!changed.length && before.size === rows(next).size && told === counts(next)) return;
    const focused = element.contains(document.activeElement) ? document.activeElement.id : '';
    element.replaceChildren(...next.childNodes);
    if (focused) document.getElementById(focused)?.focus();
    for (const row of changed) {
      row.classList.add('is-news');
      setTimeout(() => row.classList.remove('is-news'), FLASH_MS);
    }
    const news = document.getElementById('watch-news');
    if (news) news.textContent = news.dataset.text + ': ' + counts(element);
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
