// node server.mjs NAME FOLDER: node:http, guarded by NAME, on a free port of the loopback, which it says; ends with standard input.
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { createVerifier } from 'fast-jwt'

const [name, folder] = process.argv.slice(2)
const [issuer, audience] = ['https://market.example.com', 'loyalty-api']
const jwks = JSON.parse(readFileSync(join(folder, 'jwks.json'), 'utf8'))

const guards = {
  node: () => () => undefined,
  jose: () => {
    const keySet = createLocalJWKSet(jwks)
    return (token, alg) => jwtVerify(token, keySet, { issuer, audience, algorithms: [alg] })
  },
  'fast-jwt': () => fastJwt(false),
  'fast-jwt-cache': () => fastJwt(1_000),
}

function fastJwt(cache) {
  const verifiers = new Map(
    jwks.keys.map((jwk) => {
      const key = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      const options = { key, algorithms: [jwk.alg], allowedIss: issuer, allowedAud: audience, cache }
      return [jwk.alg, createVerifier(options)]
    }),
  )
  return (token, alg) => verifiers.get(alg)(token)
}

const guard = guards[name]()
const server = createServer(async (request, response) => {
  try {
    const claims = guard(request.headers.authorization?.slice('Bearer '.length), request.url.slice(1))
    if (claims instanceof Promise) await claims
  } catch {
    response.writeHead(401, { 'content-length': 0 }).end()
    return
  }
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': 5 }).end('hello')
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit()).resume()
