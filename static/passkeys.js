/* 通行密钥与恢复码:让浏览器的验证器回答服务器的问题。没有脚本时页面照常可用(验证码)。
   data-passkey="sign-in|second|make":含一个按钮与 data-passkey-error;data-download:把 .codes 存成文件。 */
(function () {
  'use strict';
  function bytes(text) {
    var raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(raw, function (c) { return c.charCodeAt(0); }).buffer;
  }
  function text(buffer) {
    var raw = String.fromCharCode.apply(null, new Uint8Array(buffer));
    return btoa(raw).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }
  function post(path, body, csrf) {
    var headers = { 'content-type': 'application/json' };
    if (csrf) headers['x-csrf-token'] = csrf;
    return fetch(path, { method: 'POST', headers: headers, body: JSON.stringify(body), credentials: 'same-origin' })
      .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); });
  }
  function opened(list) {
    return (list || []).map(function (one) { return Object.assign({}, one, { id: bytes(one.id) }); });
  }
  function use(box) {
    return post('/api/v1/auth/passkey/question', { second: box.dataset.passkey === 'second' }).then(function (question) {
      var options = question.publicKey;
      options.challenge = bytes(options.challenge);
      options.allowCredentials = opened(options.allowCredentials);
      return navigator.credentials.get({ publicKey: options }).then(function (found) {
        var said = found.response;
        return post('/api/v1/auth/passkey/answer', { token: question.token, next: box.dataset.next || '', credential: {
          id: found.id, rawId: text(found.rawId), type: found.type, extensions: {},
          response: { authenticatorData: text(said.authenticatorData), clientDataJSON: text(said.clientDataJSON),
            signature: text(said.signature), userHandle: said.userHandle ? text(said.userHandle) : null } } });
      });
    }).then(function (done) { location.assign(done.next); });
  }
  function make(box) {
    var csrf = box.dataset.csrf, name = box.querySelector('input');
    return post('/api/v1/auth/passkeys/question', {}, csrf).then(function (question) {
      var options = question.publicKey;
      options.challenge = bytes(options.challenge);
      options.user.id = bytes(options.user.id);
      options.excludeCredentials = opened(options.excludeCredentials);
      return navigator.credentials.create({ publicKey: options }).then(function (made) {
        return post('/api/v1/auth/passkeys', { token: question.token, name: name ? name.value : '', next: box.dataset.next || '',
          credential: { id: made.id, rawId: text(made.rawId), type: made.type, extensions: {},
            response: { attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON) } } }, csrf);
      });
    }).then(function (done) {
      var codes = document.getElementById('new-codes');
      if (!codes || !done.recovery_codes.length) { location.assign(done.next); return; }
      done.recovery_codes.forEach(function (code) {
        var item = document.createElement('li'), shown = document.createElement('code');
        shown.textContent = code; item.appendChild(shown); codes.querySelector('.codes').appendChild(item);
      });
      codes.querySelector('[data-go-on]').href = done.next;
      box.hidden = true;
      document.querySelectorAll('[data-without-codes]').forEach(function (other) { other.hidden = true; });
      codes.hidden = false; codes.focus();
    });
  }
  if (window.PublicKeyCredential && navigator.credentials) {
    document.querySelectorAll('[data-passkey]').forEach(function (box) {
      var button = box.querySelector('button'), error = box.querySelector('[data-passkey-error]');
      box.hidden = false;
      button.addEventListener('click', function () {
        error.textContent = ''; button.disabled = true;
        (box.dataset.passkey === 'make' ? make(box) : use(box)).catch(function () { error.textContent = error.dataset.passkeyError; })
          .then(function () { button.disabled = false; });
      });
    });
  }
  document.querySelectorAll('[data-download]').forEach(function (button) {
    button.hidden = false;
    button.addEventListener('click', function () {
      var codes = Array.from(document.querySelectorAll('.codes code'), function (code) { return code.textContent; });
      var link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([codes.join('\r\n') + '\r\n'], { type: 'text/plain' }));
      link.download = button.dataset.download; link.click(); URL.revokeObjectURL(link.href);
    });
  });
})();
