// node library.mjs FOLDER ROUNDS: jose and fast-jwt over the tokens of a run, in turn, and node's own check of a signature. Prints figures.
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { createVerifier } from 'fast-jwt'

const [folder, rounds] = process.argv.slice(2)
const [issuer, audience] = ['https://market.example.com', 'loyalty-api']
const read = (name) => readFileSync(join(folder, name), 'utf8')
const jwks = JSON.parse(read('jwks.json'))
const keySet = createLocalJWKSet(jwks)

const cases = []

for (const jwk of jwks.keys) {
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const tokens = read(jwk.alg).split('\n')
  const checks = tokens.map((token) => {
    const dot = token.lastIndexOf('.')
    return [Buffer.from(token.slice(0, dot)), Buffer.from(token.slice(dot + 1), 'base64url')]
  })
  const digest = jwk.alg === 'EdDSA' ? null : 'sha256'
  const how = jwk.alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key
  const options = { issuer, audience, algorithms: [jwk.alg] }
  const fastJwt = (cache) =>
    createVerifier({
      key: key.export({ type: 'spki', format: 'pem' }),
      algorithms: [jwk.alg],
      allowedIss: issuer,
      allowedAud: audience,
      cache,
    })
  const [uncached, cached] = [fastJwt(false), fastJwt(20_000)]
  add(`verify.${jwk.alg}.node`, checks, ([message, signature]) => verify(digest, message, how, signature))
  add(`verify.${jwk.alg}.jose`, tokens, (token) => jwtVerify(token, keySet, options))
  add(`verify.${jwk.alg}.fast-jwt`, tokens, uncached)
  if (jwk.alg !== 'RS256') continue

  add('cached.1.fast-jwt', tokens.slice(0, 1), cached)
  add('cached.1000.fast-jwt', tokens.slice(0, 1_000), cached)
  const flaws = {
    shape: (token) => token.replaceAll('.', 'A'),
    base64: (token) => token.replace(/^.([^.]*)/, '$1!'),
    'alg-none': withHeader({ alg: 'none', kid: '2026-11', typ: 'JWT' }),
    'alg-hs256': withHeader({ alg: 'HS256', kid: '2026-11', typ: 'JWT' }),
    kid: withHeader({ alg: 'RS256', kid: '2026-11', typ: 'JWT' }),
  }
  for (const [name, flaw] of Object.entries(flaws)) {
    const bad = tokens.slice(0, 2_000).map(flaw)
    add(`refuse.${name}.jose`, bad, (token) => refused(() => jwtVerify(token, keySet, options)))
    // Its key by `kid` is a promise, which makes every check slower; with one key it knows no `kid`.
    if (name !== 'kid') add(`refuse.${name}.fast-jwt`, bad, (token) => refused(() => uncached(token)))
  }
}

const times = await measure()
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
for (const [name, list] of times) {
  console.log(name, median(list))
  const [kind, alg, who] = name.split('.')
  if (kind !== 'verify' || who === 'node') continue
  const raw = times.get(`verify.${alg}.node`)
  console.log(`${name}.ratio`, median(list.map((time, round) => time / raw[round])))
}

function withHeader(header) {
  const encoded = Buffer.from(JSON.stringify(header)).toString('base64url')
  return (token) => token.replace(/^[^.]*/, encoded)
}

function add(name, inputs, call) {
  cases.push({ name, inputs, call, next: 0, calls: 1 })
}

async function refused(call) {
  try {
    await call()
  } catch {
    return
  }
  throw new Error('a bad token was accepted')
}

// Nanoseconds of processor time, of all threads: what others do on the core meanwhile is not in it.
async function batch(one) {
  const start = process.cpuUsage()
  for (let done = 0; done < one.calls; done++) {
    const answer = one.call(one.inputs[one.next])
    if (answer instanceof Promise) await answer
    one.next = one.next + 1 < one.inputs.length ? one.next + 1 : 0
  }
  const { user, system } = process.cpuUsage(start)
  return (user + system) * 1_000
}

async function measure() {
  const times = new Map(cases.map((one) => [one.name, []]))
  for (const one of cases) {
    // Long enough for the compiler of the engine to have seen the code.
    for (let warm = 0; warm < 3_000; warm++) await batch(one)
    while ((await batch(one)) < 2e6) one.calls *= 2
  }
  for (let round = 0; round < Number(rounds); round++) {
    for (const one of cases) times.get(one.name).push((await batch(one)) / one.calls)
  }
  return times
}
