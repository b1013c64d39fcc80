import { threadCpuUsage } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bombPdf, encryptedPdf, formBombPdf, imageOnlyPdf, textPdf } from '../fixtures/pdf.ts'
import { type DocumentJson, type Greffier, startGreffier } from '../support/greffier.ts'

const MEGABYTE = 1024 * 1024
/** Of this thread's processor time, which a crowded machine does not stretch. */
const HELD_MS_MAX = 500

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier({ UPLOAD_BYTES_MAX: 100 * MEGABYTE })
})
afterAll(() => greffier.close())

let serial = 0

/** The next normal document must not notice what came before it. */
async function nextCompletes(): Promise<void> {
  const words = `Nach dem Angriff Nummer ${++serial} wird normal weitergearbeitet.`
  const { document_id } = await greffier.upload(textPdf([words]), { file_name: 'next.pdf' })
  expect(await greffier.settled(document_id)).toMatchObject({ status: 'completed' })
  const { pages } = await greffier.json<{ pages: { text: string }[] }>(`/v1/documents/${document_id}/text`)
  expect(pages.map((page) => page.text.trim())).toEqual([words])
}

async function process(body: Buffer | string, file_name: string): Promise<DocumentJson> {
  const { document_id } = await greffier.upload(body, { file_name })
  return greffier.settled(document_id)
}

/** What a failed document leaves for readers: its reason, and no fields, no chunks, no hits. */
async function leavesNoContent({ document_id }: DocumentJson): Promise<void> {
  for (const table of ['fields', 'chunks'])
    expect(await greffier.rows(`SELECT 1 FROM ${table} WHERE document_id = $1`, [document_id])).toEqual([])
  const record = await greffier.record(document_id)
  expect(record.at(-1)).toMatchObject({ step: 'extract', result: 'failed' })
}

describe('a PDF', () => {
  test.each([
    ['that needs a password', 'PDF_ENCRYPTED', () => encryptedPdf('nobody reads this')],
    ['that is cut off halfway', 'DOCUMENT_UNREADABLE', async () => textPdf(['a page']).subarray(0, 300)],
    ['that is its header alone', 'DOCUMENT_UNREADABLE', async () => Buffer.from('%PDF-1.7\n')],
    ['that is noise behind its header', 'DOCUMENT_UNREADABLE', async () => Buffer.concat([Buffer.from('%PDF-1.4\n'), noise(100_000)])],
  ])('%s fails with %s, and the next document is unaffected', async (_what, code, make) => {
    const document = await process(await make(), 'a.pdf')
    expect(document).toMatchObject({ status: 'failed', error_code: code, pages: [], fields: {} })
    await leavesNoContent(document)
    await nextCompletes()
  })

  test('of images alone fails with NO_TEXT, and its page says why', async () => {
    const document = await process(imageOnlyPdf(), 'scan.pdf')
    expect(document).toMatchObject({
      status: 'failed',
      error_code: 'NO_TEXT',
      pages: [{ number: 1, method: 'no_text', characters: 0, reason: 'image_only' }],
    })
    await leavesNoContent(document)
    await nextCompletes()
  })

  test.each([
    ['in its page', () => bombPdf(2_000)],
    ['in a form that its page draws', () => formBombPdf(2_000)],
  ])('of a few kilobytes that inflates to gigabytes %s ends with a typed error, and the server stays awake', async (_where, make) => {
    const bomb = make()
    expect(bomb.length).toBeLessThan(20_000)
    const { document, heldMs } = await staysAwake(() => process(bomb, 'bomb.pdf'))
    expect(document).toMatchObject({
      status: 'failed',
      error_code: expect.stringMatching(/^(EXTRACTION_LIMIT|NO_TEXT|DOCUMENT_UNREADABLE)$/),
    })
    expect(heldMs).toBeLessThan(HELD_MS_MAX)
    await nextCompletes()
  })
})

describe('HTML', () => {
  test('with scripts gives the text that a reader sees, and runs nothing', async () => {
    const html = `<!doctype html><title>Notice</title><script>document.title = 'hacked'; fetch('http://127.0.0.1:1/')</script>
      <style>p { color: red }</style><img src=x onerror="alert('hacked')"><iframe src="file:///etc/passwd"></iframe>
      <p onclick="hacked()">The office is closed on Friday.</p><noscript>enable it</noscript><template>hacked</template>`
    const document = await process(html, 'notice.html')
    expect(document).toMatchObject({ status: 'completed', pages: [{ method: 'html' }] })
    const { pages } = await greffier.json<{ pages: { text: string }[] }>(`/v1/documents/${document.document_id}/text`)
    expect(pages[0]?.text).toContain('The office is closed on Friday.')
    expect(pages[0]?.text).not.toMatch(/hacked|alert|color: red|root:/)
  })

  test('nested a hundred thousand deep ends, and the server stays awake', async () => {
    const { document, heldMs } = await staysAwake(() => process(`<html>${'<div>'.repeat(100_000)}The bottom.`, 'deep.html'))
    expect(['completed', 'failed']).toContain(document.status)
    expect(heldMs).toBeLessThan(HELD_MS_MAX)
    await nextCompletes()
  })

  test('of scripts alone fails with NO_TEXT', async () => {
    expect(await process('<!doctype html><html><script>let a = 1</script></html>', 'a.html')).toMatchObject({
      status: 'failed',
      error_code: 'NO_TEXT',
    })
  })
})

describe('text', () => {
  test.each([
    ['60 MB in one line', 60, 'x', 'failed EXTRACTION_LIMIT'],
    ['a megabyte in one line without a space', 1, 'x', 'completed null'],
    ['a megabyte of words in one line', 1, 'Kündigung 12,50 EUR am 3.4.2026 ', 'completed null'],
  ])('of %s ends as it must, and the server stays awake', async (_what, megabytes, word, ending) => {
    const body = Buffer.alloc(megabytes * MEGABYTE, word)
    const { document, heldMs } = await staysAwake(() => process(body, 'line.txt'))
    expect(`${document.status} ${document.error_code}`).toBe(ending)
    expect(heldMs).toBeLessThan(HELD_MS_MAX)
    await nextCompletes()
  })

  test.each([
    ['of white space', ' \n\t '.repeat(1_000)],
    ['of a byte order mark', '\ufeff'],
  ])('%s fails with NO_TEXT', async (_what, body) => {
    expect(await process(body, 'a.txt')).toMatchObject({ status: 'failed', error_code: 'NO_TEXT' })
  })

  test('with lone surrogates, directional marks and half an emoji keeps exact offsets', async () => {
    const body = Buffer.concat([Buffer.from('Grüße \u202eabc\u202c 👩‍👩‍👧 '), Buffer.from([0xf0, 0x9f, 0x98]), Buffer.from(' Ende.')])
    const document = await process(body, 'odd.txt')
    expect(document.status).toBe('completed')
    const { hits } = await greffier.json<{ hits: { document_id: string; start: number; end: number; text: string }[] }>('/v1/search', {
      query: 'Grüße Ende',
      document_ids: [document.document_id],
    })
    const { pages } = await greffier.json<{ pages: { text: string }[] }>(`/v1/documents/${document.document_id}/text`)
    expect(hits.map((hit) => pages[0]?.text.slice(hit.start, hit.end))).toEqual(hits.map((hit) => hit.text))
    expect(hits).toHaveLength(1)
  })
})

test('eight hostile documents at once delay a normal one and nothing more', async () => {
  const hostile = [bombPdf(500), imageOnlyPdf(), await encryptedPdf('x'), Buffer.from('%PDF-1.7\n')]
  const uploads = await Promise.all(
    Array.from({ length: 8 }, (_, at) => greffier.upload(hostile[at % 4] ?? '', { file_name: 'h.pdf', on_duplicate: 'new' })),
  )
  await nextCompletes()
  for (const { document_id } of uploads) expect(await greffier.settled(document_id)).toMatchObject({ status: 'failed' })
})

/**
 * Looks at every turn of the event loop while the work runs: what the longest turn cost says how long the loop was held. A request would need several turns,
 * and what happens to be ready in each of them grows with the load of the machine.
 */
async function staysAwake(work: () => Promise<DocumentJson>): Promise<{ document: DocumentJson; heldMs: number }> {
  let heldMs = 0
  let running = true
  const watching = (async () => {
    while (running) {
      const before = threadCpuUsage()
      await sleep(1)
      const { user, system } = threadCpuUsage(before)
      heldMs = Math.max(heldMs, (user + system) / 1_000)
    }
  })()
  try {
    const document = await work()
    return { document, heldMs }
  } finally {
    running = false
    await watching
  }
}

/** The same bytes in every run (Park and Miller's generator). */
function noise(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  let state = 1
  for (let at = 0; at < bytes; at++) {
    state = (state * 48_271) % 2_147_483_647
    buffer[at] = state & 0xff
  }
  return buffer
}
