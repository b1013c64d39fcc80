import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { API_KEY, type FakeServerOptions, startFakeServer } from './fake-server.ts'
import { runCli, withFiles } from './run-cli.ts'

async function fake(options: FakeServerOptions = {}) {
  const server = await startFakeServer(options)
  onTestFinished(() => server.close())
  return server
}

/** A server that holds three letters, and their ids. */
async function filled(options: FakeServerOptions = {}) {
  const server = await fake(options)
  for (const name of ['one', 'two', 'three']) {
    const upload = await fetch(`${server.url}/v1/documents?file_name=${name}.txt`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}` },
      body: `Die Kündigungsfrist in ${name} beträgt drei Monate.`,
    })
    await upload.arrayBuffer()
  }
  return { ...server, ids: [...server.documents.keys()] as [string, string, string] }
}

describe('commands over a running server', () => {
  test('list prints a page and the cursor of the next', async () => {
    const { url, ids } = await filled()
    const first = JSON.parse((await runCli(['list', '--limit', '2', '--json'], { url })).stdout)
    expect(first.documents.map((document: { document_id: string }) => document.document_id)).toEqual(ids.slice(0, 2))
    const second = JSON.parse((await runCli(['list', '--cursor', first.next_cursor, '--json'], { url })).stdout)
    expect(second).toMatchObject({ documents: [{ document_id: ids[2] }], next_cursor: null })
    const { stdout } = await runCli(['list', '--limit', '1'], { url })
    expect(stdout).toMatch(/^document +status +type +lang +size +received/)
    expect(stdout).toContain('more: greffier list --cursor 1')
  })

  test('show, ask and record print one JSON value with --json and name page and quote without', async () => {
    const { url, ids } = await filled()
    expect(JSON.parse((await runCli(['show', ids[0], '--json'], { url })).stdout)).toMatchObject({
      document_id: ids[0],
      file_name: 'one.txt',
    })
    const question = 'Welche Kündigungsfrist gilt?'
    const answer = JSON.parse((await runCli(['ask', question, '--json'], { url })).stdout)
    expect(answer).toMatchObject({ question, abstained: false, citations: [{ document_id: ids[0], page: 1, verified: true }] })
    const { stdout } = await runCli(['ask', question], { url })
    expect(stdout).toContain('one.txt, page 1  “Die Kündigungsfrist in one beträgt drei Monate.”  verified')
    expect(stdout).toContain('no language model wrote this')
    expect(JSON.parse((await runCli(['record', ids[0], '--json'], { url })).stdout)).toMatchObject({
      document_id: ids[0],
      events: [{ operation: 'Collect' }],
    })
  })

  test('an answer that the documents do not hold is said to be none, and is no failure', async () => {
    const { url } = await filled()
    const { code, stdout } = await runCli(['ask', 'Wie hoch ist der Eiffelturm?'], { url })
    expect(stdout).toContain('The documents do not say.')
    expect(code).toBe(0)
  })

  test('erase waits until the stores are empty; its record can still be read', async () => {
    const { url, ids } = await filled()
    expect(JSON.parse((await runCli(['erase', ids[1], '--json'], { url })).stdout)).toEqual({ document_id: ids[1], status: 'erased' })
    expect((await runCli(['erase', ids[2]], { url })).stdout).toContain('erased from sqlite')
    const shown = await runCli(['show', ids[1], '--json'], { url })
    expect(JSON.parse(shown.stdout).error.code).toBe('DOCUMENT_ERASED')
    expect(shown.code).toBe(66)
    expect((await runCli(['record', ids[1]], { url })).stdout).toMatch(/Collect +upload +completed +document_processing +builtin/)
  })

  test('erase follows the request until it is done, with a pause that grows, and never asks for the whole record, which may be larger than any answer', async () => {
    const { url, ids, requests } = await filled({ erasingLooks: 4 })
    expect((await runCli(['erase', ids[0]], { url })).stdout).toContain('erased from sqlite')
    const looks = requests.filter(({ path }) => path.startsWith('/v1/erasures/'))
    expect(looks).toHaveLength(5)
    const pausesMs = looks.slice(1).map(({ atMs }, at) => atMs - (looks[at]?.atMs ?? 0))
    for (const [at, leastMs] of [100, 150, 225, 337].entries()) expect(pausesMs[at]).toBeGreaterThanOrEqual(leastMs - 5)
    const paths = requests.map(({ path }) => path)
    expect(paths.filter((path) => path.endsWith('/record'))).toEqual([])
  })

  test('erase that has only to wait for a start of a stage says until when, on one line and not as an error, and ends as not done yet', async () => {
    const settlesAt = '2026-11-27T18:04:10.000Z'
    const { url, ids } = await filled({ erasingLooks: 100, settlesAt })
    const { code, stdout, stderr } = await runCli(['erase', ids[0], '--wait', '0'], { url })
    expect([code, stderr]).toEqual([75, ''])
    expect(stdout).toMatch(
      new RegExp(`^${ids[0]}  erased from sqlite; one of its stages .* ${settlesAt}; .*: greffier erasures certificate [0-9a-f-]{36}\n$`),
    )
    const asJson = await runCli(['erase', ids[1], '--wait', '0', '--json'], { url })
    expect([asJson.code, JSON.parse(asJson.stdout)]).toEqual([
      75,
      {
        document_id: ids[1],
        status: 'erased',
        erasure: { erasure_id: expect.any(String), state: 'erasing', settles_at: settlesAt },
      },
    ])
  })

  test('erase that is not done in its time for any other reason is an error', async () => {
    const { url, ids } = await filled({ erasingLooks: 100 })
    const { code, stdout, stderr } = await runCli(['erase', ids[0], '--wait', '1'], { url })
    expect([code, stdout, stderr]).toEqual([75, '', expect.stringContaining('not done within 1 s; it goes on')])
    expect((await runCli(['erase', ids[0], '--wait', 'long'], { url })).code).toBe(64)
  })

  test('erase of a document whose request a restored backup does not know waits for none', async () => {
    const { url, ids } = await filled({ forgetful: true })
    const { code, stdout } = await runCli(['erase', ids[0]], { url })
    expect([code, stdout]).toEqual([0, expect.stringContaining('erased; its record stays')])
  })

  test('cost prints euros by model and purpose, and says what nobody has priced', async () => {
    const { url, requests } = await fake()
    const { stdout } = await runCli(['cost', '--from', '2026-11-01T00:00:00Z'], { url })
    expect(stdout).toMatch(/^ *1\.234567 +1 +1000 +400 +100 +mistral +mistral-small-latest +extract +invoice_processing$/m)
    expect(stdout).toContain('1.234567 euros for 2 calls; 1 of them went to models without a price')
    expect(requests.at(-1)?.query.get('from')).toBe('2026-11-01T00:00:00Z')
    expect((await runCli(['cost', '--from', 'yesterday'], { url })).code).toBe(64)
  })

  test('keys are created, listed and revoked', async () => {
    const { url } = await fake()
    const created = JSON.parse((await runCli(['keys', 'create', 'bot', '--scopes', 'search, documents:read', '--json'], { url })).stdout)
    expect(created).toMatchObject({ name: 'bot', scopes: ['search', 'documents:read'], api_key: 'gk_new' })
    expect(JSON.parse((await runCli(['keys', 'list', '--json'], { url })).stdout).keys).toHaveLength(1)
    const revoked = await runCli(['keys', 'revoke', created.key_id, '--json'], { url })
    expect(JSON.parse(revoked.stdout)).toEqual({ key_id: created.key_id, revoked: true })
    expect(JSON.parse((await runCli(['keys', 'list', '--json'], { url })).stdout).keys).toHaveLength(0)
  })
})

describe('finding the server', () => {
  test('in the folder of a running server the address and key come from DATA_DIR/local.json', async () => {
    const { url } = await fake()
    await withFiles({}, async (cwd) => {
      await mkdir(join(cwd, '.greffier'))
      await writeFile(join(cwd, '.greffier/local.json'), JSON.stringify({ url, api_key: API_KEY }))
      expect((await runCli(['list'], { cwd })).code).toBe(0)
    })
  })

  test('the local key is never sent to another server', async () => {
    const local = await fake()
    const other = await fake()
    await withFiles({ 'local.json': JSON.stringify({ url: local.url, api_key: API_KEY }) }, async (folder) => {
      const { code, stderr } = await runCli(['list'], { env: { DATA_DIR: folder, GREFFIER_URL: other.url } })
      expect(code).toBe(77)
      expect(stderr).toContain('GREFFIER_API_KEY')
    })
    expect(other.requests).toHaveLength(0)
  })

  test('no server, a server that is gone, and one that is not Greffier are told apart', async () => {
    const gone = await startFakeServer()
    await gone.close()
    await withFiles({}, async (cwd) => {
      const none = await runCli(['list'], { cwd })
      expect([none.code, none.stderr.includes('npm start')]).toEqual([69, true])
      expect((await runCli(['list', '--json'], { url: gone.url })).code).toBe(69)
    })
    const { createServer } = await import('node:http')
    const stranger = createServer((_request, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1')
    onTestFinished(() => void stranger.close())
    await new Promise((resolve) => stranger.once('listening', resolve))
    const address = stranger.address()
    const port = typeof address === 'object' ? address?.port : 0
    expect((await runCli(['list'], { url: `http://127.0.0.1:${port}` })).code).toBe(76)
  })

  test('no error names a key', async () => {
    const { url } = await fake()
    await withFiles({ 'local.json': '{"api_key": "gk_secret", broken' }, async (folder) => {
      const runs = [
        await runCli(['list', '--json'], { env: { DATA_DIR: folder } }),
        await runCli(['list', '--json'], { url, env: { GREFFIER_API_KEY: 'gk_secret' } }),
        await runCli(['list', '--json'], { url, env: { GREFFIER_API_KEY: 'gk_secret\u0007' } }),
        await runCli(['list', '--json'], { env: { GREFFIER_URL: 'http://gk_secret:gk_secret@127.0.0.1:1', GREFFIER_API_KEY: 'x' } }),
      ]
      expect(runs.map(({ code }) => code)).toEqual([78, 77, 78, 78])
      for (const { stdout, stderr } of runs) expect(stdout + stderr).not.toContain('gk_secret')
    })
  })
})

describe('bad usage', () => {
  test.each([
    [[]],
    [['lst']],
    [['ingest']],
    [['list', '--limit', '0']],
    [['list', '--colour']],
    [['show', '../keys']],
    [['ingest', 'x', '--sensitivity', 'secret']],
    [['ingest', 'x', '--metadata', 'nothing']],
    [['ask', 'x', '--document', '42']],
    [['keys']],
    [['keys', 'create', 'x']],
    [['keys', 'create', 'x', '--scopes', 'all']],
  ])('%j is one line on stderr and exit code 64', async (args) => {
    const { code, stdout, stderr } = await runCli(args)
    expect(code).toBe(64)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^greffier: [^\n]+\n$/)
  })

  test('--help lists commands and exit codes on stdout', async () => {
    const { code, stdout } = await runCli(['--help'])
    expect(code).toBe(0)
    for (const text of ['ingest [options] <files...>', 'Exit codes:', '  69 ', 'GREFFIER_URL']) expect(stdout).toContain(text)
  })
})
