import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { CliError } from '../../../services/cli/cli-error.ts'
import { demo } from '../../../services/cli/commands/demo.ts'
import { serve } from '../../../services/cli/commands/serve.ts'
import { tryFiles } from '../../../services/cli/commands/try.ts'
import type { StartStandalone } from '../../../services/cli/embedded.ts'
import { type FakeServerOptions, startFakeServer } from './fake-server.ts'
import { testContext, withFiles } from './run-cli.ts'

/** Stands in for the embedded system: a fake server, and a file in its data folder. Tells what it was given and whether it was closed. */
function fakeStandalone(options: FakeServerOptions = {}, firstStart = true) {
  const seen = { dataDir: '', closed: 0, url: '', apiKey: '' }
  const start: StartStandalone = async ({ dataDir }) => {
    await writeFile(join(dataDir, 'data'), 'x')
    const server = await startFakeServer(options)
    Object.assign(seen, { dataDir, url: server.url, apiKey: server.apiKey })
    await writeFile(join(dataDir, 'local.json'), JSON.stringify({ url: server.url, api_key: server.apiKey }, null, 2))
    const close = async () => {
      seen.closed++
      await server.close()
    }
    return { url: server.url, apiKey: server.apiKey, firstStart, failed: new Promise<Error>(() => undefined), close }
  }
  return { seen, start }
}

/** What `--json` says of who wrote an answer (AI Act Art. 50(2)). */
const BY_RULES = expect.objectContaining({ generated: false, mark: null, processor: 'builtin' })
const LETTERS = { 'one.txt': 'Die Kündigungsfrist beträgt drei Monate.', 'two.txt': "It's a letter about parking." }

async function withSamples<T>(work: (samples: Parameters<typeof demo>[1], folder: string) => Promise<T>): Promise<T> {
  return withFiles(LETTERS, (folder) => {
    const options = {
      sensitivity: 'internal',
      data_classes: ['personal' as const],
      purpose: 'letters',
      on_duplicate: 'return',
      metadata: {},
    } as const
    const documents = Object.keys(LETTERS).map((file) => ({
      path: join(folder, file),
      file,
      options: { ...options, data_classes: [...options.data_classes] },
      expectType: 'letter' as const,
    }))
    const questions = [
      { question: 'Welche Kündigungsfrist gilt?', language: 'de', document: 'one.txt', expect: 'drei Monate' },
      { question: 'Wo steht der Eiffelturm?', language: 'de', document: null, expect: null },
    ]
    return work({ documents, questions }, folder)
  })
}

describe('try', () => {
  test('prints documents and questions in the documented shape and leaves nothing behind', async () => {
    await withFiles(LETTERS, async (folder) => {
      const { seen, start } = fakeStandalone()
      const { context, stdout } = testContext({ json: true })
      const code = await tryFiles(context, [join(folder, 'one.txt')], ['Welche Kündigungsfrist gilt?', 'Eiffelturm?'], start)
      const printed = JSON.parse(stdout())
      expect(code).toBe(0)
      expect(Object.keys(printed)).toEqual(['documents', 'questions', 'seconds'])
      expect(printed.questions).toEqual([
        {
          question: 'Welche Kündigungsfrist gilt?',
          answer: LETTERS['one.txt'],
          citations: [{ document_id: printed.documents[0].document_id, page: 1, quote: LETTERS['one.txt'], verified: true }],
          ai: BY_RULES,
        },
        { question: 'Eiffelturm?', answer: null, citations: [], ai: BY_RULES },
      ])
      expect([existsSync(seen.dataDir), seen.closed]).toEqual([false, 1])
    })
  })

  test('a file that fails is in the answer, the others and the questions go on, and the exit code says so', async () => {
    await withFiles(LETTERS, async (folder) => {
      const { start } = fakeStandalone()
      const { context, stdout } = testContext()
      const code = await tryFiles(context, [join(folder, 'none.txt'), join(folder, 'two.txt')], ['What about parking?'], start)
      expect(code).toBe(2)
      expect(stdout()).toContain('failed (FILE_NOT_FOUND)')
      expect(stdout()).toContain(`${join(folder, 'two.txt')}, page 1`)
      expect(stdout()).toContain('2 documents in')
    })
  })

  test('an interruption stops the system and removes its folder', async () => {
    await withFiles(LETTERS, async (folder) => {
      const { seen, start } = fakeStandalone({ stuck: true })
      const interrupting = new AbortController()
      const { context } = testContext({ interrupted: interrupting.signal })
      const running = tryFiles(context, [join(folder, 'one.txt')], [], start)
      await vi.waitUntil(() => seen.url !== '')
      interrupting.abort(new CliError('INTERRUPTED', 'stopped', 130))
      await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' })
      expect([existsSync(seen.dataDir), seen.closed]).toEqual([false, 1])
    })
  })

  test('an interruption that breaks the start is told as an interruption', async () => {
    const interrupting = new AbortController()
    const start: StartStandalone = async () => {
      interrupting.abort(new CliError('INTERRUPTED', 'stopped', 130))
      throw new Error('initdb failed')
    }
    const { context } = testContext({ interrupted: interrupting.signal })
    await expect(tryFiles(context, ['x'], [], start)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  test('a system that does not start leaves no folder', async () => {
    let dataDir = ''
    const start: StartStandalone = async (options) => {
      dataDir = options.dataDir
      throw new Error('no room')
    }
    await expect(tryFiles(testContext().context, ['x'], [], start)).rejects.toThrow('no room')
    expect([dataDir === '', existsSync(dataDir)]).toEqual([false, false])
  })
})

describe('demo', () => {
  test('prints one JSON object in the documented shape and leaves nothing behind', async () => {
    await withSamples(async (samples) => {
      const { seen, start } = fakeStandalone()
      const { context, stdout, stderr } = testContext({ json: true })
      const code = await demo(context, samples, start)
      const printed = JSON.parse(stdout())
      expect(stderr()).not.toContain('not as expected')
      expect(code).toBe(0)
      expect(printed).toEqual({
        documents: 2,
        completed: 2,
        failed: 0,
        questions: [
          {
            question: samples.questions[0]?.question,
            answer: LETTERS['one.txt'],
            citations: [expect.objectContaining({ page: 1, verified: true })],
            ai: BY_RULES,
          },
          { question: samples.questions[1]?.question, answer: null, citations: [], ai: BY_RULES },
        ],
        record: { document_id: expect.any(String), events: 1 },
        erased: { document_id: printed.record.document_id, found_after: 0 },
        seconds: expect.any(Number),
      })
      expect([existsSync(seen.dataDir), seen.closed]).toEqual([false, 1])
    })
  })

  test('for people it shows answers with file, page and quote, the record, the erasure, and what wrote the answers', async () => {
    await withSamples(async (samples) => {
      const { context, stdout } = testContext()
      await demo(context, samples, fakeStandalone().start)
      expect(stdout()).toContain('one.txt, page 1  “Die Kündigungsfrist beträgt drei Monate.”  verified')
      expect(stdout()).toContain('no language model wrote this')
      expect(stdout()).toMatch(/Collect +upload +completed +letters +builtin/)
      expect(stdout()).toContain('emptied  sqlite')
      expect(stdout()).toContain('gone; GET answers 410 Gone')
      expect(stdout()).toContain('everything as expected')
    })
  })

  test.each([
    ['a type other than expected', { type: 'other' }, 'type other instead of letter'],
    ['an answer where the documents hold none', { inventive: true }, 'an answer where the documents hold none'],
  ] as const)('%s is named and ends with exit code 1', async (_what, options, fault) => {
    await withSamples(async (samples) => {
      const { context, stderr } = testContext({ json: true })
      expect(await demo(context, samples, fakeStandalone(options).start)).toBe(1)
      expect(stderr()).toContain(fault)
    })
  })

  test('a document that fails and a quote that is not cited are named and end with exit code 1', async () => {
    await withSamples(async (samples, folder) => {
      const { context, stdout, stderr } = testContext({ json: true })
      const lost = { ...samples.documents[1], path: join(folder, 'lost.txt') } as (typeof samples.documents)[number]
      const unquoted = { question: 'Welche Kündigungsfrist gilt?', language: 'de', document: 'one.txt', expect: 'vier Monate' }
      const changed = { documents: [samples.documents[0] as (typeof samples.documents)[number], lost], questions: [unquoted] }
      expect(await demo(context, changed, fakeStandalone().start)).toBe(1)
      expect(JSON.parse(stdout())).toMatchObject({ documents: 2, completed: 1, failed: 1 })
      expect(stderr()).toContain('not as expected: two.txt: FILE_NOT_FOUND')
      expect(stderr()).toContain('“vier Monate” is not cited from one.txt')
    })
  })
})

describe('serve', () => {
  /** Serves until everything is printed, then stops. */
  async function served(firstStart: boolean, whileServing: (printed: string, apiKey: string, dataDir: string) => Promise<void>) {
    await withSamples(async (samples, folder) => {
      const { seen, start } = fakeStandalone({}, firstStart)
      const interrupting = new AbortController()
      const dataDir = join(folder, "it's here")
      await mkdir(dataDir)
      const { context, stdout } = testContext({ interrupted: interrupting.signal, dataDir })
      const running = serve(context, samples, start)
      await vi.waitUntil(() => stdout().includes('/record"'))
      await whileServing(stdout(), seen.apiKey, dataDir)
      interrupting.abort()
      expect([await running, seen.closed, existsSync(join(dataDir, 'data'))]).toEqual([0, 1, true])
    })
  }

  test('the key is shown on the first start only', async () => {
    await served(true, async (printed, apiKey) => expect(printed).toContain(`API key, shown this once: ${apiKey}`))
    await served(false, async (printed, apiKey) => expect(printed).not.toContain(apiKey))
  })

  test.each([true, false])('the three curl lines work when pasted (first start: %s)', async (firstStart) => {
    await served(firstStart, async (printed, _apiKey, dataDir) => {
      const lines = printed.split('\n').filter((line) => line.startsWith('curl '))
      expect(lines).toHaveLength(3)
      const answers = []
      for (const line of lines) answers.push(JSON.parse(await paste(line, dataDir)))
      expect(answers).toMatchObject([
        { status: 'received' },
        { abstained: false, citations: [{ quote: LETTERS['one.txt'] }] },
        { document_id: answers[0].document_id, events: [{ operation: 'Collect' }] },
      ])
    })
  })
})

/** Runs a line in a shell, with a curl of our own: a machine that tests need not have the real one. It knows the options that are printed. */
async function paste(line: string, folder: string): Promise<string> {
  await writeFile(join(folder, 'curl'), CURL)
  await chmod(join(folder, 'curl'), 0o755)
  const { stdout } = await promisify(execFile)('sh', ['-c', line], { env: { PATH: `${folder}:/usr/bin:/bin` } })
  return stdout
}

const CURL = `#!${process.execPath}
const { parseArgs } = require('node:util')
const { readFileSync } = require('node:fs')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    'show-error': { type: 'boolean', short: 'S' },
    header: { type: 'string', short: 'H', multiple: true },
    data: { type: 'string', short: 'd' },
    'data-binary': { type: 'string' },
  },
})
const file = values['data-binary']
const body = file === undefined ? values.data : readFileSync(file.slice(1))
const headers = values.header.map((line) => line.split(/: (.*)/s).slice(0, 2))
fetch(positionals[0], { method: body === undefined ? 'GET' : 'POST', headers, body })
  .then((response) => response.text())
  .then((text) => process.stdout.write(text))
`
