import { execFile } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createOutbound, type Outbound, type ProxyOptions } from '../../../shared/inference/outbound.ts'
import { failure } from '../../support/failure.ts'
import { close, startWireServer, type WireServer } from '../../support/wire-server.ts'

const OUTBOUND = new URL('../../../shared/inference/outbound.ts', import.meta.url).href
const run = promisify(execFile)

let server: WireServer
const opened: Outbound[] = []
beforeEach(async () => {
  server = await startWireServer()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((outbound) => outbound.close()))
  await server.close()
})

function outboundTo(allowedOrigins: string[], proxy: ProxyOptions = {}): typeof fetch {
  const outbound = createOutbound({ allowedOrigins, proxy })
  opened.push(outbound)
  return outbound.fetch
}

test('an allowed origin is reached, by any path', async () => {
  const response = await outboundTo([server.origin])(`${server.origin}/any/path`, { method: 'POST', body: '{}' })
  expect(response.status).toBe(200)
  expect(server.requests.map(({ path }) => path)).toEqual(['/any/path'])
})

test('an origin that is not allowed is refused, and does not see so much as a connection', async () => {
  const other = await startWireServer()
  const error = await failure(outboundTo([server.origin])(`${other.origin}/v1/models`))
  expect(error).toMatchObject({ code: 'POLICY_REFUSED', detail: `${other.origin} is not in the register, and nobody has declared it` })
  expect(other.connections()).toBe(0)
  await other.close()
})

test.each([
  ['another port', (origin: string) => `${origin.slice(0, -1)}${origin.endsWith('1') ? 2 : 1}/`],
  ['another scheme', (origin: string) => origin.replace('http:', 'https:')],
  ['another name of the same machine', (origin: string) => origin.replace('127.0.0.1', 'localhost')],
  ['a longer name', (origin: string) => origin.replace('127.0.0.1', '127.0.0.1.nowhere.invalid')],
])('%s is another origin', async (_, change) => {
  expect((await failure(outboundTo([server.origin])(change(server.origin)))).code).toBe('POLICY_REFUSED')
  expect(server.connections()).toBe(0)
})

test('a refused name is not looked up, and no socket is opened for it', async () => {
  const connecting: unknown[] = []
  const note = (message: unknown) => void connecting.push(message)
  subscribe('undici:client:beforeConnect', note)
  try {
    expect((await failure(outboundTo([server.origin])('https://nowhere.invalid/'))).code).toBe('POLICY_REFUSED')
    expect(connecting).toEqual([])
  } finally {
    unsubscribe('undici:client:beforeConnect', note)
  }
})

test('a redirect comes back as it is, whatever the caller asks for, and its target sees nothing', async () => {
  const target = await startWireServer()
  server.answerWith((_, response) => response.writeHead(307, { location: `${target.baseUrl}/chat/completions` }).end())
  const fetchOut = outboundTo([server.origin, target.origin])
  const response = await fetchOut(`${server.baseUrl}/chat/completions`, { method: 'POST', body: '{}', redirect: 'follow' })
  expect(response.status).toBe(307)
  expect(target.connections()).toBe(0)
  await target.close()
})

test('200 calls to one origin are in flight at once', async () => {
  const waiting: (() => void)[] = []
  server.answerWith((_, response) => void waiting.push(() => response.end('{}')))
  const fetchOut = outboundTo([server.origin])
  const calls = Array.from({ length: 200 }, () => fetchOut(server.baseUrl).then((response) => response.text()))
  await expect.poll(() => waiting.length, { timeout: 20_000 }).toBe(200)
  for (const answer of waiting) answer()
  await Promise.all(calls)
})

test('connections are used again', async () => {
  const fetchOut = outboundTo([server.origin])
  for (let call = 0; call < 20; call += 1) await (await fetchOut(server.baseUrl)).text()
  expect(server.connections()).toBeLessThan(5)
})

test('closing breaks off what hangs', async () => {
  server.answerWith(() => undefined)
  const outbound = createOutbound({ allowedOrigins: [server.origin], proxy: {} })
  const hanging = outbound.fetch(server.baseUrl).then(
    () => 'answered',
    () => 'broken off',
  )
  await expect.poll(() => server.requests.length).toBe(1)
  await outbound.close()
  expect(await hanging).toBe('broken off')
})

/** Forwards plain requests and tunnels; `asked` is what it was asked for. */
async function startProxy() {
  const asked: string[] = []
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end('{"by":"proxy"}')
  })
  proxy.on('connect', (request, socket, head) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    const { hostname, port } = new URL(`http://${request.url}`)
    const upstream = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.write(head)
      upstream.pipe(socket)
      socket.pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as AddressInfo
  return { asked, url: `http://127.0.0.1:${port}`, withPassword: `http://anna:secret@127.0.0.1:${port}`, close: () => close(proxy) }
}

test('HTTPS goes through the proxy as a tunnel, which learns the host and no more', async () => {
  const proxy = await startProxy()
  const origin = server.origin.replace('http:', 'https:')
  // The server behind speaks no TLS: that the tunnel led to it shows in its connections.
  await expect(outboundTo([origin], { https: proxy.withPassword })(`${origin}/v1/secret-path`)).rejects.toThrow()
  expect(proxy.asked).toEqual([`CONNECT ${new URL(origin).host} Basic ${Buffer.from('anna:secret').toString('base64')}`])
  expect(server.connections()).toBe(1)
  await proxy.close()
})

test('plain HTTP goes through its proxy', async () => {
  const proxy = await startProxy()
  const response = await outboundTo([server.origin], { http: proxy.url })(`${server.baseUrl}/models`)
  expect(await response.json()).toEqual({ by: 'proxy' })
  expect(proxy.asked).toEqual([`GET ${server.baseUrl}/models`])
  expect(server.connections()).toBe(0)
  await proxy.close()
})

test('what NO_PROXY names is reached directly', async () => {
  const proxy = await startProxy()
  await outboundTo([server.origin], { http: proxy.url, https: proxy.url, no: 'other.example,127.0.0.1' })(server.baseUrl)
  expect(proxy.asked).toEqual([])
  expect(server.requests).toHaveLength(1)
  await proxy.close()
})

test('an origin that is not allowed is not asked of a proxy either', async () => {
  const proxy = await startProxy()
  const fetchOut = outboundTo([server.origin], { http: proxy.url, https: proxy.url })
  for (const url of ['http://nowhere.invalid/', 'https://nowhere.invalid/'])
    expect((await failure(fetchOut(url))).code).toBe('POLICY_REFUSED')
  expect(proxy.asked).toEqual([])
  await proxy.close()
})

test('no environment variable sends a request through a proxy', async () => {
  const proxy = await startProxy()
  const source = `
    import { createOutbound } from ${JSON.stringify(OUTBOUND)}
    const outbound = createOutbound({ allowedOrigins: [process.argv[1]], proxy: {} })
    await (await outbound.fetch(process.argv[1])).text()
    await outbound.close()`
  const env = { HTTP_PROXY: proxy.url, http_proxy: proxy.url, HTTPS_PROXY: proxy.url, https_proxy: proxy.url, ALL_PROXY: proxy.url }
  await run(process.execPath, ['--input-type=module', '-e', source, server.origin], { env })
  expect(proxy.asked).toEqual([])
  expect(server.requests).toHaveLength(1)
  await proxy.close()
})
