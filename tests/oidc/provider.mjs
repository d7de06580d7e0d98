// An identity provider as a province might run one: the npm package oidc-provider in a process of its own.
//
// `node provider.mjs REDIRECT_URI…` prints its issuer. A test plays the person at the provider by `login_hint`, says what
// is known of that person by PUT /test/people/NAME, and by PUT /test/tamper has the next ID tokens changed and signed
// anew with the provider's own key, as a provider that went wrong would send them.

import { createServer } from "node:http";
import { text } from "node:stream/consumers";

import { SignJWT, decodeJwt, exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const people = new Map();
let tamper = {};

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), kid: "province-1", alg: "RS256", use: "sig" };
const secret = "the-secret-of-this-client-0123456789";

const provider = new Provider(issuer, {
  clients: [
    { client_id: "mingjian", client_secret: secret, redirect_uris: process.argv.slice(2) },
    { client_id: "another", client_secret: secret, redirect_uris: process.argv.slice(2) },
  ],
  jwks: { keys: [jwk] },
  cookies: { keys: ["only for tests"] },
  claims: { openid: ["sub", "groups"], profile: ["name"], email: ["email", "email_verified"] },
  // Groups stand in the ID token; name and address are to be asked for.
  conformIdTokenClaims: true,
  features: { devInteractions: { enabled: false } },
  interactions: { url: (context, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true },
  findAccount: (context, id) => ({
    accountId: id,
    claims: (use) => ({ sub: id, ...(use === "id_token" ? { groups: people.get(id)?.groups } : people.get(id)) }),
  }),
  async loadExistingGrant(context) {
    const grant = new provider.Grant({
      clientId: context.oidc.client.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
});

async function interaction(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const result = params.login_hint
    ? { login: { accountId: params.login_hint, remember: false } }
    : { error: "access_denied", error_description: "nobody is at the keyboard" };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function tampered(token) {
  if (!Object.keys(tamper).length) return token;
  const claims = { ...decodeJwt(token), ...tamper.claims };
  if (tamper.unsigned) {
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    return `${encode({ alg: "none" })}.${encode(claims)}.`;
  }
  const key = tamper.key === "another" ? (await generateKeyPair("RS256")).privateKey : privateKey;
  return new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "province-1" }).sign(key);
}

provider.use(async (context, next) => {
  await next();
  if (context.path === "/token" && context.body?.id_token) {
    context.body = { ...context.body, id_token: await tampered(context.body.id_token) };
  }
  if (tamper.huge && context.path === "/token") {
    context.body = { ...context.body, padding: "x".repeat(1 << 20) };
  }
});

const answer = provider.callback();
server.on("request", async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  const [, area, what, name] = pathname.split("/");
  if (area === "test") {
    const body = JSON.parse(await text(request));
    if (what === "people") people.set(name, body);
    else tamper = body;
    response.writeHead(204).end();
  } else if (area === "interaction") {
    await interaction(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else {
    answer(request, response);
  }
});

console.log(issuer);
