// Keys for a list that an officer has open all day, within [data-keys]: j and k (or the arrows) go from row to row, a acknowledges the
// row's warning, / goes to the filter, ? shows what the keys do. Enter opens, as it does on any link. Nobody needs them: each does what
// a link or a button of the page does. They keep out of the way of fields and of the browser's own keys, and can be turned off, for whoever
// speaks to the machine or is easily off the key.
(function () {
  'use strict';

  const OFF = 'mj_keys_off';

  function isOff() {
    try {
      return localStorage.getItem(OFF) === 'yes';
    } catch {
      return false;
    }
  }

  function turn(on) {
    try {
      if (on) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, 'yes');
    } catch {
      // A browser that keeps nothing has the keys on.
    }
  }

  function isTyping(target) {
    return target.closest('input, textarea, select, [contenteditable], dialog') !== null;
  }

  // The links of the rows, the one in focus among them or not.
  function links(list) {
    return Array.from(list.querySelectorAll('tbody tr'), (row) => row.querySelector('th a, td a')).filter(Boolean);
  }

  function rowOf(list) {
    const row = document.activeElement?.closest('tr');
    return row && list.contains(row) ? row : null;
  }

  function move(list, by) {
    const all = links(list);
    if (!all.length) return;
    const row = rowOf(list);
    const at = row ? all.findIndex((link) => row.contains(link)) : by > 0 ? -1 : all.length;
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    next.focus({ preventScroll: true });
    next.closest('tr').scrollIntoView({ block: 'nearest' });
  }

  // Says that a warning was seen, and stays on the page: the news that follow show the row as it stands then. Where that cannot be
  // done, the form is sent as by a click.
  async function acknowledge(list) {
    const news = document.getElementById('watch-news');
    const form = rowOf(list)?.querySelector('form.ack');
    if (!form) {
      if (news && rowOf(list)) news.textContent = news.dataset.nothing;
      return;
    }
    const button = form.querySelector('button');
    if (button.disabled) return;
    const link = form.closest('tr').querySelector('th a');
    const body = new URLSearchParams(new FormData(form, button));
    if (button === document.activeElement) link?.focus({ preventScroll: true });
    button.disabled = true;
    try {
      // A button called `action` hides the form's own property.
      const answer = await fetch(form.getAttribute('action'), { method: 'POST', credentials: 'same-origin', body, redirect: 'manual' });
      if (answer.type !== 'opaqueredirect') throw new Error('refused');
      if (news) news.textContent = news.dataset.done;
    } catch {
      button.disabled = false;
      form.requestSubmit(button);
    }
  }

  document.addEventListener('DOMContentLoaded', () => {
    const list = document.querySelector('[data-keys]');
    const help = document.getElementById('keys-help');
    if (!list || !help) return;
    const box = help.querySelector('[data-keys-on]');
    const show = () => {
      box.checked = !isOff();
      help.showModal();
    };
    box.addEventListener('change', () => turn(box.checked));
    for (const button of document.querySelectorAll('[data-keys-help]')) {
      button.hidden = false;
      button.addEventListener('click', show);
    }
    const search = document.querySelector('main input[type=search]');
    const does = {
      j: () => move(list, 1),
      ArrowDown: () => rowOf(list) && move(list, 1),
      k: () => move(list, -1),
      ArrowUp: () => rowOf(list) && move(list, -1),
      a: () => acknowledge(list),
      '/': () => search?.focus(),
      '?': show,
    };
    document.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
      const act = Object.hasOwn(does, event.key) && does[event.key];
      if (!act || (isOff() && event.key !== '?')) return;
      // The arrows move the page as ever while no row is in focus.
      if (event.key.startsWith('Arrow') && !rowOf(list)) return;
      event.preventDefault();
      act();
    });
  });
})();
