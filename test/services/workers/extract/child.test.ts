import { describe, expect, test } from 'vitest'
import { clean } from '../../../../services/workers/extract/child/clean.ts'
import { decode } from '../../../../services/workers/extract/child/decode.ts'
import { createFrameReader, END_OF_DOCUMENT, frameHeader } from '../../../../services/workers/extract/child/frames.ts'
import { readHtml } from '../../../../services/workers/extract/child/html.ts'
import { readMarkdown } from '../../../../services/workers/extract/child/markdown.ts'
import { nestsDeeper } from '../../../../services/workers/extract/child/nesting.ts'
import { nestedHtml } from '../../../fixtures/html.ts'

describe('decode', () => {
  test.each([
    ['UTF-8', Buffer.from('Größe 5 €')],
    ['UTF-8 with a mark', Buffer.from('\ufeffGröße 5 €')],
    ['UTF-16, little end first', Buffer.from('\ufeffGröße 5 €', 'utf16le')],
    ['UTF-16, big end first', Buffer.from('\ufeffGröße 5 €', 'utf16le').swap16()],
    ['windows-1252', Buffer.from('4772f6df652035208030'.slice(0, 18), 'hex')],
  ])('reads %s', (_name, bytes) => {
    expect(decode(bytes)).toBe('Größe 5 €')
  })

  test('takes the declared encoding for what is not UTF-8, and ignores one that does not exist', () => {
    const bytes = Buffer.from('efebe0f2e5e6', 'hex')
    expect(decode(bytes, 'windows-1251')).toBe('платеж')
    expect(decode(bytes, 'no-such-thing')).toBe('ïëàòåæ')
  })
})

describe('clean', () => {
  test('makes every line end one \\n and never glues two words together', () => {
    expect(clean('a\r\nb\rc\fd\ve\nf\tg')).toBe('a\nb\nc\nd\ne\nf\tg')
  })

  test('drops control characters and replaces lone surrogates', () => {
    expect(clean('a\u0000b\u0007c\u001bd\ud800e')).toBe('abcd\ufffde')
  })
})

describe('HTML', () => {
  test('keeps what a reader sees: headings, paragraphs, lists, link texts, alternatives, rows with tabs', () => {
    const html = `<!doctype html><html><head><title>Not on the page</title></head><body>
      <h1>Rechnung</h1><p>Siehe <a href="https://example.com/x">unsere Seite</a>.<br>Danke.</p>
      <ul><li>eins<li>zwei</ul><img src="logo.png" alt="Firmenlogo">
      <table><tr><th>Name<th>Betrag<tr><td>Größe</td><td><b>5</b>&nbsp;€</td></tr></table></body></html>`
    expect(readHtml(Buffer.from(html))).toBe(
      'Rechnung\n\nSiehe unsere Seite.\nDanke.\n\n- eins\n- zwei\n\nFirmenlogo\nName\tBetrag\nGröße\t5\u00a0€',
    )
  })

  test('drops scripts, styles, event handlers, comments and what is hidden', () => {
    const html = `<p onclick="evil()">seen</p><script>"<p>evil</p>"</script><style>evil{}</style><!-- evil --><noscript>evil</noscript>
      <template><p>evil</p></template><p hidden>evil</p><p style="color:red; DISPLAY: none">evil</p><div style="visibility:hidden">evil</div>`
    expect(readHtml(Buffer.from(html))).toBe('seen')
  })

  test('keeps the body of a page whose head is never closed, and text outside of the body', () => {
    expect(readHtml(Buffer.from('<html><head><title>t</title><body>inside</body></html> outside'))).toBe('inside outside')
  })

  test('reads the encoding that the page declares', () => {
    const bytes = Buffer.concat([Buffer.from('<meta charset="windows-1251"><p>'), Buffer.from('efebe0f2e5e6', 'hex')])
    expect(readHtml(bytes)).toBe('платеж')
  })

  test('is read whole at 900 levels, and refused rather than cut at 5,000 and 100,000', () => {
    expect(readHtml(Buffer.from(nestedHtml(900)))).toBe('innermost')
    expect(() => readHtml(Buffer.from(nestedHtml(5_000)))).toThrow('EXTRACTION_LIMIT')
    expect(() => readHtml(Buffer.from(nestedHtml(100_000)))).toThrow('EXTRACTION_LIMIT')
  })

  test('with many elements in a row is not taken for deep', () => {
    expect(nestsDeeper(`${'<p>a'.repeat(100)}${'<div>b</div>'.repeat(100)}${'<svg><path d="M0"/></svg>'.repeat(100)}`, 10)).toBe(false)
    expect(nestsDeeper('<div><span>'.repeat(6), 10)).toBe(true)
  })
})

describe('Markdown', () => {
  test('stays as it is written, without comments, scripts and styles', () => {
    const markdown = '# Title\n\n<!-- hidden -->*text* <script>hidden()</script>[link](x.md)\n<STYLE>hidden</STYLE>\n| a | b |'
    expect(readMarkdown(Buffer.from(markdown))).toBe('# Title\n\n*text* [link](x.md)\n\n| a | b |')
  })

  test('keeps them where a reader sees them, in a code fence', () => {
    const markdown = 'a <!-- hidden -->\n```html\n<!-- shown -->\n```\nb <!-- hidden -->\n~~~\n<script>shown</script>'
    expect(readMarkdown(Buffer.from(markdown))).toBe('a \n```html\n<!-- shown -->\n```\nb \n~~~\n<script>shown</script>')
  })

  test('loses nothing behind a comment that is never closed', () => {
    expect(readMarkdown(Buffer.from('a <!-- b <!-- c'))).toBe('a <!-- b <!-- c')
  })
})

describe('frames', () => {
  test('come back whole wherever the pipe cuts them', () => {
    const payloads = [Buffer.from('task'), Buffer.from('first part'), Buffer.from('second')]
    const wire = Buffer.concat([...payloads.flatMap((payload) => [frameHeader(payload), payload]), END_OF_DOCUMENT])
    for (let pieceBytes = 1; pieceBytes <= wire.length; pieceBytes++) {
      const seen: string[] = []
      const read = createFrameReader({ part: (part) => seen.push(part.toString()), end: (frame) => seen.push(`<${frame}>`) })
      for (let at = 0; at < wire.length; at += pieceBytes) read(wire.subarray(at, at + pieceBytes))
      expect(seen.join('')).toBe('task<task>first part<document_part>second<document_part><document>')
    }
  })
})
