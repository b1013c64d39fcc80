import { PassThrough, Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { createExtractor, EXTRACT_LIMITS, type Extractor, type ExtractorOptions } from '../../../../services/workers/extract/extractor.ts'
import type { MediaType } from '../../../../shared/contracts/document.ts'
import { busyHtml } from '../../../fixtures/html.ts'
import { bombPdf, textPdf } from '../../../fixtures/pdf.ts'
import { waitUntil } from '../../../support/wait.ts'
import { alive, childrenOf } from './processes.ts'

/** A Markdown document is an order to it; `process id` comes back as the id of the process that read it. */
const HOSTILE = new URL('./hostile-entry.ts', import.meta.url)
const A = 'tenant-a'
const B = 'tenant-b'

const open: Extractor[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((extractor) => extractor.close()))
  expect(childrenOf(process.pid)).toEqual([])
})

function start(options: Partial<ExtractorOptions> = {}): Extractor {
  const extractor = createExtractor({ ...EXTRACT_LIMITS, warm: 0, entry: HOSTILE, ...options })
  open.push(extractor)
  return extractor
}

async function read(extractor: Extractor, tenantId: string, document: Buffer | string, mediaType: MediaType): Promise<string> {
  const reopen = async () => Readable.from([Buffer.from(document)])
  const pages = await extractor.extract(await reopen(), { tenantId, mediaType, reopen }, new AbortController().signal)
  return pages.map((page) => page.text).join('\n')
}

async function order(extractor: Extractor, tenantId: string, name: string): Promise<string> {
  return await read(extractor, tenantId, name, 'text/markdown')
}

async function readerOf(extractor: Extractor, tenantId: string): Promise<number> {
  return Number(await order(extractor, tenantId, 'process id'))
}

describe('a child and its tenant', () => {
  test('one tenant is read for by one process, one document after another', async () => {
    const extractor = start()
    const first = await readerOf(extractor, A)
    expect(await readerOf(extractor, A)).toBe(first)
    expect(await readerOf(extractor, A)).toBe(first)
    expect(childrenOf(process.pid)).toEqual([first])
  })

  test('no process ever reads for two tenants, whatever comes at once and in whatever order', async () => {
    const extractor = start({ warm: 1 })
    const readers = new Map<number, Set<string>>()
    const rounds = [
      ['a', 'a', 'b', 'c'],
      ['c', 'b', 'a', 'a'],
      ['b', 'a', 'c', 'a'],
    ]
    for (const tenants of rounds) {
      const pids = await Promise.all(tenants.map((tenant) => readerOf(extractor, tenant)))
      for (const [index, pid] of pids.entries()) readers.set(pid, (readers.get(pid) ?? new Set()).add(tenants[index] ?? ''))
    }
    expect([...readers.values()].map((served) => served.size)).toEqual([1, 1, 1, 1])
  })

  test('a child waits warm for any tenant, and is replaced as soon as it is taken', async () => {
    const extractor = start({ warm: 1 })
    const [warm] = childrenOf(process.pid)
    const first = await readerOf(extractor, A)
    expect(first).toBe(warm)
    const next = childrenOf(process.pid).filter((pid) => pid !== first)
    expect(next).toHaveLength(1)
    expect(await readerOf(extractor, A)).toBe(first)
    expect(await readerOf(extractor, B)).toBe(next[0])
  })
})

describe('a child ends', () => {
  test('after so many documents', async () => {
    const extractor = start({ reuse: { documentsMax: 2 } })
    const readers = [await readerOf(extractor, A), await readerOf(extractor, A), await readerOf(extractor, A)]
    expect(readers[1]).toBe(readers[0])
    expect(readers[2]).not.toBe(readers[0])
    expect(alive(readers)).toEqual([readers[2]])
  })

  test.each([
    ['it has computed for longer than allowed', { processorMsMax: 1 }],
    ['it occupies more memory than allowed after a document', { residentBytesMax: 1_000_000 }],
  ])('when %s', async (_reason, reuse) => {
    const extractor = start({ reuse })
    const reader = await readerOf(extractor, A)
    expect(alive([reader])).toEqual([])
    expect(await readerOf(extractor, A)).not.toBe(reader)
  })

  test('when no other document of its tenant came for a while', async () => {
    const extractor = start({ reuse: { idleMs: 200 } })
    const reader = await readerOf(extractor, A)
    await waitUntil(() => alive([reader]).length === 0, 'the idle child to end')
    expect(await readerOf(extractor, A)).not.toBe(reader)
  })

  test('when too many wait, the one that waits longest', async () => {
    const extractor = start({ reuse: { idleChildrenMax: 1 } })
    const first = await readerOf(extractor, A)
    const second = await readerOf(extractor, B)
    expect(alive([first, second])).toEqual([second])
  })
})

describe('after a failure', () => {
  test.each([
    ['a document that it cannot read', (extractor: Extractor) => read(extractor, A, 'no PDF', 'application/pdf'), 'DOCUMENT_UNREADABLE'],
    ['a crash', (extractor: Extractor) => order(extractor, A, 'fail'), 'EXTRACTOR_CRASHED'],
    ['a document over its time', (extractor: Extractor) => read(extractor, A, busyHtml(), 'text/html'), 'EXTRACTION_LIMIT'],
    ['a document over its output', (extractor: Extractor) => read(extractor, A, 'x'.repeat(1_001), 'text/plain'), 'EXTRACTION_LIMIT'],
  ])('a child is never used again: %s', async (_name, failing, code) => {
    // The time is for the start of a process too, which a crowded machine takes seconds for.
    const extractor = start({ wallClockMs: 8_000, textCharactersMax: 1_000 })
    const reader = await readerOf(extractor, A)
    await expect(failing(extractor)).rejects.toMatchObject({ code })
    expect(childrenOf(process.pid)).toEqual([])
    expect(await readerOf(extractor, A)).not.toBe(reader)
  })

  test.each([
    ['the caller gives up', (_source: PassThrough, abort: AbortController) => abort.abort(new Error('enough'))],
    ['the source fails', (source: PassThrough) => source.destroy(new Error('enough'))],
  ])('a child is never used again, and the document not read again: %s', async (_name, interrupt) => {
    const extractor = start()
    const reader = await readerOf(extractor, A)
    const source = new PassThrough()
    const abort = new AbortController()
    const reopen = () => Promise.reject(new Error('read again'))
    source.write('the first half')
    const reading = extractor.extract(source, { tenantId: A, mediaType: 'text/plain', reopen }, abort.signal)
    const failed = expect(reading).rejects.toThrow('enough')
    await waitUntil(() => source.readableLength === 0, 'the child to be reading')
    expect(childrenOf(process.pid)).toEqual([reader])
    interrupt(source, abort)
    await failed
    expect(childrenOf(process.pid)).toEqual([])
  })

  test('of a child that has read other documents, a fresh one has the last word', async () => {
    const extractor = start()
    const reader = await readerOf(extractor, A)
    expect(await order(extractor, A, 'be read only as the first')).toBe('read')
    expect(alive([reader])).toEqual([])
    expect(childrenOf(process.pid)).toHaveLength(1)
  })
})

describe('limits hold for a further document', () => {
  test('of memory', async () => {
    const extractor = start({ memoryBytesMax: 300_000_000 })
    const reader = await readerOf(extractor, A)
    await expect(read(extractor, A, bombPdf(2_000), 'application/pdf')).rejects.toMatchObject({ code: 'EXTRACTION_LIMIT' })
    expect(alive([reader])).toEqual([])
  })

  test('of memory, where the kernel does not hold it', async () => {
    const extractor = start({ systemLimits: false, memoryBytesMax: 200_000_000 })
    const reader = await readerOf(extractor, A)
    await expect(read(extractor, A, bombPdf(2_000), 'application/pdf')).rejects.toMatchObject({ code: 'EXTRACTION_LIMIT' })
    expect(alive([reader])).toEqual([])
  })
})

describe('one document cannot change how the next one is read', () => {
  test.each([
    'replace String.prototype.replace',
    'replace Array.prototype.join',
    'replace a method of all typed arrays',
    'replace TextDecoder',
    'replace a method of TextDecoder',
    'replace Buffer',
  ])('by what it did to what they share: %s', async (attack) => {
    const extractor = start()
    expect(await order(extractor, A, attack)).toBe('true')
    const attacked = childrenOf(process.pid)
    expect(attacked).toHaveLength(1)
    expect(await read(extractor, A, '<p>Größe</p>', 'text/html')).toBe('Größe')
    expect(alive(attacked)).toEqual([])
    expect(await read(extractor, A, textPdf(['honest words']), 'application/pdf')).toBe('honest words')
  })

  test.each(['add to Object.prototype', 'add to an iterator', 'add a global'])('nothing lets it %s', async (attack) => {
    const extractor = start()
    const reader = await readerOf(extractor, A)
    expect(await order(extractor, A, attack)).toBe('false')
    expect(await readerOf(extractor, A)).toBe(reader)
  })

  test('reading every format changes nothing that they share', async () => {
    const extractor = start()
    const reader = await readerOf(extractor, A)
    expect(await read(extractor, A, textPdf(['one', 'two']), 'application/pdf')).toBe('one\ntwo')
    expect(await read(extractor, A, '<p>three</p>', 'text/html')).toBe('three')
    expect(await read(extractor, A, Buffer.from('four \xe9', 'latin1'), 'text/plain')).toBe('four é')
    expect(await readerOf(extractor, A)).toBe(reader)
  })
})
