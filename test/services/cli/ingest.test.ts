import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type FakeServerOptions, startFakeServer } from './fake-server.ts'
import { runCli, withFiles } from './run-cli.ts'

async function fake(options: FakeServerOptions = {}) {
  const server = await startFakeServer(options)
  onTestFinished(() => server.close())
  return server
}

const FILES = { 'a.txt': 'Guten Tag, das ist ein Brief.', 'broken.txt': 'x', 'foreign.exe': 'MZ', 'empty.txt': '', 'z.txt': 'Der letzte.' }

describe('ingest', () => {
  test('a file that fails does not stop the others, keeps its place in the array, and the exit code says so', async () => {
    const { url } = await fake()
    const files = ['a.txt', 'missing.txt', 'broken.txt', 'foreign.exe', 'empty.txt', '.', 'z.txt']
    const { code, stdout } = await withFiles(FILES, (cwd) => runCli(['ingest', ...files, '--wait', '--json'], { url, cwd }))
    const documents = JSON.parse(stdout)
    expect(code).toBe(2)
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(documents.map((document: { file: string }) => document.file)).toEqual(files)
    expect(documents.map((document: { error_code: string }) => document.error_code)).toEqual([
      null,
      'FILE_NOT_FOUND',
      'DOCUMENT_UNREADABLE',
      'UNSUPPORTED_TYPE',
      'EMPTY_DOCUMENT',
      'FILE_UNREADABLE',
      null,
    ])
    expect(documents.map((document: { status: string }) => document.status)).toEqual(['completed', ...Array(5).fill('failed'), 'completed'])
    expect(documents[1].document_id).toBeNull()
    expect(documents[3].document_id).toBeNull()
    expect(documents[2].document_id).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('prints each document in the documented shape', async () => {
    const { url } = await fake()
    const { stdout } = await withFiles(FILES, (cwd) => runCli(['ingest', 'a.txt', '--wait', '--json'], { url, cwd }))
    expect(JSON.parse(stdout)).toEqual([
      {
        file: 'a.txt',
        document_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        status: 'completed',
        error_code: null,
        type: 'letter',
        language: 'de',
        pages: [{ number: 1, method: 'plain', characters: FILES['a.txt'].length }],
        fields: {
          title: {
            value: 'Guten Tag, das ist e',
            status: 'verified',
            evidence: [{ page: 1, start: 0, end: 20, quote: 'Guten Tag, das ist e' }],
            checks: [],
            produced_by: null,
          },
        },
        ai: { generated: false, mark: null, notice: 'Read by rules; no language model was used.', classified_by: null },
        seconds: expect.any(Number),
      },
    ])
  })

  test.each(['cut', 'none'] as const)('follows a document to its end when the progress stream is %s', async (events) => {
    const { url, requests } = await fake({ events })
    const { code, stdout } = await withFiles(FILES, (cwd) => runCli(['ingest', 'a.txt', '--wait', '--json'], { url, cwd }))
    expect(JSON.parse(stdout)[0].status).toBe('completed')
    expect(code).toBe(0)
    expect(requests.some(({ path }) => path.endsWith('/progress'))).toBe(true)
  })

  test('without --wait it returns as soon as the server has the bytes', async () => {
    const { url, requests } = await fake({ stuck: true })
    const { code, stdout } = await withFiles(FILES, (cwd) => runCli(['ingest', 'a.txt', '--json'], { url, cwd }))
    expect(JSON.parse(stdout)[0]).toMatchObject({ status: 'received', error_code: null, type: null, pages: [], fields: {} })
    expect(code).toBe(0)
    expect(requests).toHaveLength(1)
  })

  test('sends the size, an idempotency key and only the options that were given', async () => {
    const { url, requests } = await fake()
    const options = [
      '--sensitivity',
      'confidential',
      '--data-classes',
      'personal,criminal',
      '--metadata',
      'case=42',
      '--metadata',
      'team=a=b',
    ]
    await withFiles({ 'ä & b.txt': 'Grüße' }, (cwd) => runCli(['ingest', 'ä & b.txt', ...options], { url, cwd }))
    const upload = requests[0]
    expect(upload?.headers['content-length']).toBe('7')
    expect(upload?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
    expect(Object.fromEntries(upload?.query ?? [])).toEqual({
      file_name: 'ä & b.txt',
      sensitivity: 'confidential',
      data_classes: 'personal,criminal',
      metadata: '{"case":"42","team":"a=b"}',
    })
  })

  test('repeats what the server was too busy for, under the same idempotency key', async () => {
    const { url, requests } = await fake({ busyUploads: 2 })
    const { code } = await withFiles(FILES, (cwd) => runCli(['ingest', 'a.txt', '--json'], { url, cwd }))
    expect(code).toBe(0)
    expect(requests).toHaveLength(3)
    expect(new Set(requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })

  test('a document that is too large fails by its code although the server hangs up before reading it', async () => {
    const { url } = await fake({ uploadBytesMax: 1_000 })
    const files = { 'large.txt': Buffer.alloc(20_000_000, 'x'), 'a.txt': 'small' }
    const { code, stdout } = await withFiles(files, (cwd) => runCli(['ingest', 'large.txt', 'a.txt', '--wait', '--json'], { url, cwd }))
    expect(['DOCUMENT_TOO_LARGE', 'UPLOAD_ABORTED']).toContain(JSON.parse(stdout)[0].error_code)
    expect(JSON.parse(stdout)[1].status).toBe('completed')
    expect(code).toBe(2)
  })

  test('when all files fail for one reason the exit code names it', async () => {
    const { url } = await fake()
    const gone = await startFakeServer()
    await gone.close()
    const missing = await runCli(['ingest', '/nonexistent/a', '/nonexistent/b', '--json'], { url })
    const refused = await withFiles(FILES, (cwd) => runCli(['ingest', 'a.txt', '--json'], { url, cwd, env: { GREFFIER_API_KEY: 'wrong' } }))
    const nobody = await withFiles(FILES, (cwd) => runCli(['ingest', 'a.txt', '--json'], { url: gone.url, cwd }))
    expect([missing.code, refused.code, nobody.code]).toEqual([66, 77, 69])
    expect(JSON.parse(refused.stdout)[0].error_code).toBe('UNAUTHENTICATED')
    expect(JSON.parse(nobody.stdout)[0].error_code).toBe('SERVER_UNREACHABLE')
  })

  test('for people: fields with page and quote on stdout, a line per document on stderr, and no escape sequence out of a document', async () => {
    const { url } = await fake()
    const files = { 'evil.txt': '\u001b[2J\u001b]0;owned\u0007Brief\u202eabc und mehr Text' }
    const { stdout, stderr } = await withFiles(files, (cwd) => runCli(['ingest', 'evil.txt', '--wait'], { url, cwd }))
    expect(stdout).toContain('letter · German · 1 page')
    expect(stdout).toMatch(/title +.*verified +p\. 1 {2}“.*”/)
    expect(stderr).toMatch(/evil\.txt: uploading 39 B\nevil\.txt: completed in \d+\.\d s\n/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
  })
})

test('files are named as the user wrote them', async () => {
  const { url } = await fake()
  await withFiles(FILES, async (folder) => {
    const { stdout } = await runCli(['ingest', join(folder, 'a.txt'), '--json'], { url })
    expect(JSON.parse(stdout)[0].file).toBe(join(folder, 'a.txt'))
  })
})
