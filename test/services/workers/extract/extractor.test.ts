import { spawn } from 'node:child_process'
import { PassThrough, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { createExtractor, EXTRACT_LIMITS, type Extractor, type ExtractorOptions } from '../../../../services/workers/extract/extractor.ts'
import type { MediaType } from '../../../../shared/contracts/document.ts'
import { busyHtml, nestedHtml } from '../../../fixtures/html.ts'
import { bombPdf, encryptedPdf, formBombPdf, imageOnlyPdf, textPdf } from '../../../fixtures/pdf.ts'
import { alive, childrenOf, processorSeconds } from './processes.ts'

const TEST_MS_MAX = 120_000
const POLL = { timeout: 20_000 }
/** More than it takes to start. */
const BUSY_SECONDS = 2
/** Far less than the document would keep its reader busy. */
const KILLED_WITH_PARENT_MS_MAX = 5_000
const TWO_GIGABYTES_IN_MEGABYTES = 2_000
const TENANT = 'a-tenant'
const HELLO = [{ number: 1, method: 'plain', text: 'hello', reason: null }]

const open: Extractor[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((extractor) => extractor.close()))
})

function start(options: Partial<ExtractorOptions> = {}): Extractor {
  const extractor = createExtractor({ ...EXTRACT_LIMITS, warm: 0, ...options })
  open.push(extractor)
  return extractor
}

function read(extractor: Extractor, document: Buffer | string, mediaType: MediaType = 'application/pdf') {
  return readFrom(extractor, () => Readable.from([Buffer.from(document)]), mediaType)
}

function readFrom(extractor: Extractor, openSource: () => Readable, mediaType: MediaType, signal = new AbortController().signal) {
  return extractor.extract(openSource(), { tenantId: TENANT, mediaType, reopen: async () => openSource() }, signal)
}

describe('what a document becomes', () => {
  test('a PDF becomes its pages with their exact words', async () => {
    expect(await read(start(), textPdf(['The first page says one.', 'The second page says two.']))).toEqual([
      { number: 1, method: 'pdf_text', text: 'The first page says one.', reason: null },
      { number: 2, method: 'pdf_text', text: 'The second page says two.', reason: null },
    ])
  })

  test('a PDF that needs a password is named so', async () => {
    await expect(read(start(), await encryptedPdf('secret words'))).rejects.toMatchObject({ code: 'PDF_ENCRYPTED' })
  })

  test.each([
    ['cut in the middle', textPdf(['words']).subarray(0, 300)],
    ['nothing but a header', Buffer.from('%PDF-1.7\n')],
    ['without a byte', Buffer.alloc(0)],
    ['of random bytes', randomBytes(100_000)],
  ])('a PDF %s is unreadable', async (_name, bytes) => {
    await expect(read(start(), bytes)).rejects.toMatchObject({ code: 'DOCUMENT_UNREADABLE' })
  })

  test('a page that only draws an image has no text because of that', async () => {
    expect(await read(start(), imageOnlyPdf())).toEqual([{ number: 1, method: 'no_text', text: '', reason: 'image_only' }])
  })

  test('a page without anything is empty, and the pages around it keep their numbers', async () => {
    const pages = await read(start(), textPdf(['one', '', 'three']))
    expect(pages.map((page) => [page.number, page.method, page.reason])).toEqual([
      [1, 'pdf_text', null],
      [2, 'no_text', 'empty'],
      [3, 'pdf_text', null],
    ])
  })

  test.each(['text/plain', 'text/markdown', 'text/html'] as const)('an empty %s is one page without text', async (mediaType) => {
    expect(await read(start(), '', mediaType)).toEqual([{ number: 1, method: 'no_text', text: '', reason: 'empty' }])
    expect(await read(start(), ' \n\t', mediaType)).toEqual([{ number: 1, method: 'no_text', text: '', reason: 'empty' }])
  })

  test('random bytes called a text come back without what JSON and PostgreSQL refuse', async () => {
    const [page] = await read(start(), randomBytes(100_000), 'text/plain')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(page?.text).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/)
    expect(page?.text.isWellFormed()).toBe(true)
  })

  test('a document in many small pieces is read like one in a single piece', async () => {
    const pieces = [...textPdf(['piece by piece'])].map((byte) => Buffer.of(byte))
    const [page] = await readFrom(start(), () => Readable.from(pieces), 'application/pdf')
    expect(page?.text).toBe('piece by piece')
  })
})

describe('limits', () => {
  test.each([
    ['in the content of a page', bombPdf(TWO_GIGABYTES_IN_MEGABYTES)],
    ['in a form that a page draws', formBombPdf(TWO_GIGABYTES_IN_MEGABYTES)],
  ])(
    'a PDF of a few kilobytes that inflates to gigabytes %s ends as a limit, and the next document is unaffected',
    async (_name, bomb) => {
      expect(bomb.length).toBeLessThan(6_000)
      const extractor = start()
      await expect(read(extractor, bomb)).rejects.toMatchObject({ code: 'EXTRACTION_LIMIT' })
      expect(await read(extractor, 'hello', 'text/plain')).toEqual(HELLO)
    },
    TEST_MS_MAX,
  )

  test(
    'where the kernel holds no memory the parent watches it, and says so once',
    async () => {
      const notices: string[] = []
      const extractor = start({ systemLimits: false, memoryBytesMax: 200_000_000, onNotice: (notice) => notices.push(notice) })
      await expect(read(extractor, bombPdf(TWO_GIGABYTES_IN_MEGABYTES))).rejects.toMatchObject({ code: 'EXTRACTION_LIMIT' })
      expect(await read(extractor, 'hello', 'text/plain')).toEqual(HELLO)
      expect(notices).toHaveLength(1)
    },
    TEST_MS_MAX,
  )

  test('reading for longer than the wall clock allows ends as a limit, and leaves no process', async () => {
    const extractor = start({ wallClockMs: 200 })
    await expect(read(extractor, busyHtml(), 'text/html')).rejects.toMatchObject({
      code: 'EXTRACTION_LIMIT',
      detail: 'longer than 200 ms',
    })
    expect(childrenOf(process.pid)).toEqual([])
  })

  test(
    'HTML nested 100,000 levels deep ends as a limit rather than without its text',
    async () => {
      await expect(read(start(), nestedHtml(100_000), 'text/html')).rejects.toMatchObject({ code: 'EXTRACTION_LIMIT' })
    },
    TEST_MS_MAX,
  )

  test(
    'a line of 60 MB ends as a limit, one of 6 MB comes back whole',
    async () => {
      const extractor = start()
      await expect(read(extractor, Buffer.alloc(60_000_000, 'word '), 'text/plain')).rejects.toMatchObject({ code: 'EXTRACTION_LIMIT' })
      const [page] = await read(extractor, Buffer.alloc(6_000_000, 'word '), 'text/plain')
      expect(page?.text === 'word '.repeat(1_200_000)).toBe(true)
    },
    TEST_MS_MAX,
  )

  test('more characters than allowed over all pages, or more pages, end as a limit', async () => {
    const pdf = textPdf(['12345', '12345', '12345'])
    await expect(read(start({ textCharactersMax: 14 }), pdf)).rejects.toMatchObject({ code: 'EXTRACTION_LIMIT' })
    await expect(read(start({ pagesMax: 2 }), pdf)).rejects.toMatchObject({ code: 'EXTRACTION_LIMIT' })
    expect(await read(start({ textCharactersMax: 15, pagesMax: 3 }), pdf)).toHaveLength(3)
  })
})

describe('processes', () => {
  test(
    'eight documents at once each get their own text, and few processes stay',
    async () => {
      const extractor = start({ warm: 2, reuse: { idleChildrenMax: 1 } })
      const texts = await Promise.all(
        Array.from({ length: 8 }, async (_none, index) => (await read(extractor, textPdf([`document ${index}`])))[0]?.text),
      )
      expect(texts).toEqual(Array.from({ length: 8 }, (_none, index) => `document ${index}`))
      expect(childrenOf(process.pid)).toHaveLength(3)
    },
    TEST_MS_MAX,
  )

  test('aborting halfway rejects with the reason and leaves no process', async () => {
    const abort = new AbortController()
    const source = halfADocument()
    const reading = readFrom(start(), () => source, 'text/plain', abort.signal)
    await expect.poll(() => source.readableLength, POLL).toBe(0)
    const pids = childrenOf(process.pid)
    expect(pids).toHaveLength(1)
    abort.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    expect(alive(pids)).toEqual([])
    expect(source.destroyed).toBe(true)
  })

  test('aborting before the child has started leaves no process', async () => {
    const abort = new AbortController()
    const reading = readFrom(start(), halfADocument, 'text/plain', abort.signal)
    abort.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    expect(childrenOf(process.pid)).toEqual([])
  })

  test('an error of the source is the error of the extraction', async () => {
    const source = halfADocument()
    const reading = readFrom(start(), () => source, 'text/plain')
    await expect.poll(() => source.readableLength, POLL).toBe(0)
    source.destroy(new Error('the disk is gone'))
    await expect(reading).rejects.toThrow('the disk is gone')
    expect(childrenOf(process.pid)).toEqual([])
  })

  test('a child that is killed is a crash, and the next document is unaffected', async () => {
    const extractor = start()
    const source = halfADocument()
    const reading = readFrom(extractor, () => source, 'text/plain')
    await expect.poll(() => source.readableLength, POLL).toBe(0)
    for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL')
    await expect(reading).rejects.toMatchObject({ code: 'EXTRACTOR_CRASHED' })
    expect(await read(extractor, 'hello', 'text/plain')).toEqual(HELLO)
  })

  test('children killed while they wait cost no document', async () => {
    const extractor = start({ warm: 2 })
    for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL')
    expect(await read(extractor, 'hello', 'text/plain')).toEqual(HELLO)
  })

  test('closing ends what waits and what reads, and nothing starts behind it', async () => {
    const extractor = start({ warm: 2 })
    const source = halfADocument()
    const reading = readFrom(extractor, () => source, 'text/plain')
    const rejected = expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect.poll(() => source.readableLength, POLL).toBe(0)
    await extractor.close()
    await rejected
    await expect(read(extractor, 'hello', 'text/plain')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(childrenOf(process.pid)).toEqual([])
  })

  test(
    'a parent killed with -9 leaves no child: none that waits, fresh or used, and no busy one',
    async () => {
      const parent = spawn(process.execPath, [fileURLToPath(new URL('./parent-process.ts', import.meta.url))], {
        stdio: 'ignore',
      })
      const parentPid = parent.pid ?? 0
      await expect.poll(() => childrenOf(parentPid), POLL).toHaveLength(4)
      const pids = childrenOf(parentPid)
      await expect.poll(() => Math.max(...pids.map(processorSeconds)), POLL).toBeGreaterThan(BUSY_SECONDS)
      parent.kill('SIGKILL')
      await expect.poll(() => alive(pids), { timeout: KILLED_WITH_PARENT_MS_MAX }).toEqual([])
    },
    TEST_MS_MAX,
  )
})

/** A source that has given something and then neither ends nor fails. */
function halfADocument(): PassThrough {
  const source = new PassThrough()
  source.write('the first half')
  return source
}

/** The same in every run: a linear congruential generator. */
function randomBytes(length: number): Buffer {
  let state = 42
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state >>> 24
    }),
  )
}
