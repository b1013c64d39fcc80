import { describe, expect, test } from 'vitest'
import { SNIFF_BYTES, sniff } from '../../../services/ingest/sniff.ts'

const PDF = Buffer.from('%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n1 0 obj', 'latin1')
const ZIP = Buffer.from('504b0304140000000800000021000000', 'hex')
const HTML = Buffer.from('\n<!-- saved --><!DOCTYPE html><html><body>hello</body></html>')
const TEXT = Buffer.from('Sehr geehrte Damen und Herren,\n\nin der Größe 5 €')

describe('content and name agree', () => {
  test.each([
    ['a.pdf', PDF, 'application/pdf'],
    ['A.PDF', Buffer.concat([Buffer.alloc(1_000, ' '), PDF]), 'application/pdf'],
    ['a.md', TEXT, 'text/markdown'],
    ['a.markdown', TEXT, 'text/markdown'],
    ['a.html', HTML, 'text/html'],
    ['a.htm', Buffer.from('<p>a fragment'), 'text/html'],
    ['a.xhtml', Buffer.from('<?xml version="1.0"?><html xmlns="x">'), 'text/html'],
    ['a.txt', TEXT, 'text/plain'],
    ['a.txt', HTML, 'text/plain'],
    ['a.log', Buffer.from('\u001b[31mred\u001b[0m'), 'text/plain'],
    ['a.csv', Buffer.from('a;b\n1;2'), 'text/plain'],
    ['about-pdf.txt', Buffer.from('A PDF starts with %PDF-1.7, says the standard.'), 'text/plain'],
  ])('%s (%#)', (fileName, head, expected) => {
    expect(sniff(head, { fileName })).toBe(expected)
  })
})

describe('texts in other encodings are texts', () => {
  test.each([
    ['UTF-16, little end first', Buffer.from('\ufeffGröße', 'utf16le')],
    ['UTF-16, big end first', Buffer.from('\ufeffGröße', 'utf16le').swap16()],
    ['Latin-1', Buffer.from('Größe', 'latin1')],
    ['UTF-8 cut within a character', Buffer.from('Größe €').subarray(0, -1)],
  ])('%s', (_name, head) => {
    expect(sniff(head, { fileName: 'a.txt' })).toBe('text/plain')
  })
})

describe('content and declaration contradict', () => {
  test.each([
    ['a.pdf', TEXT],
    ['a.pdf', ZIP],
    ['a.pdf', Buffer.concat([Buffer.alloc(SNIFF_BYTES - 20, ' '), PDF])],
    ['a.txt', PDF],
    ['a.md', Buffer.from('%PDF-1.4\n1 0 obj')],
    ['a.html', ZIP],
    ['a.docx', PDF],
    ['a.png', TEXT],
  ])('%s (%#)', (fileName, head) => {
    expect(() => sniff(head, { fileName })).toThrow(expect.objectContaining({ code: 'TYPE_MISMATCH' }))
  })

  test('by content type where the name says nothing', () => {
    expect(() => sniff(TEXT, { fileName: 'report', contentType: 'application/pdf' })).toThrow(
      expect.objectContaining({ code: 'TYPE_MISMATCH' }),
    )
    expect(() => sniff(PDF, { contentType: 'text/plain; charset=utf-8' })).toThrow(expect.objectContaining({ code: 'TYPE_MISMATCH' }))
  })
})

describe('without a name', () => {
  test.each([
    [undefined, PDF, 'application/pdf'],
    [undefined, HTML, 'text/html'],
    [undefined, TEXT, 'text/plain'],
    ['application/octet-stream', PDF, 'application/pdf'],
    ['application/x-www-form-urlencoded', TEXT, 'text/plain'],
    ['Text/HTML; charset=utf-8', Buffer.from('<p>a fragment'), 'text/html'],
    ['text/markdown', TEXT, 'text/markdown'],
    ['application/json', Buffer.from('{"a":1}'), 'text/plain'],
  ])('the content type %s helps, unless it is one that says nothing (%#)', (contentType, head, expected) => {
    expect(sniff(head, contentType === undefined ? {} : { contentType })).toBe(expected)
  })

  test('an unknown extension counts as none', () => {
    expect(sniff(TEXT, { fileName: 'notes.2026' })).toBe('text/plain')
    expect(sniff(TEXT, { fileName: 'notes.2026', contentType: 'text/markdown' })).toBe('text/markdown')
  })
})

describe('what is not supported', () => {
  test.each([
    [{}, ZIP],
    [{ fileName: 'a.bin' }, ZIP],
    [{ fileName: 'a.docx' }, ZIP],
    [{ fileName: 'a.rtf' }, Buffer.from('{\\rtf1 text}')],
    [{}, Buffer.from('{\\rtf1 text}')],
    [{ contentType: 'image/png' }, Buffer.from('89504e470d0a1a0a0000', 'hex')],
    [{}, Buffer.from('text with a \u0000 in it')],
  ])('%o (%#)', (hints, head) => {
    expect(() => sniff(head, hints)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_TYPE' }))
  })

  test('nothing at all is an empty document, whatever its name', () => {
    expect(() => sniff(Buffer.alloc(0), { fileName: 'a.pdf' })).toThrow(expect.objectContaining({ code: 'EMPTY_DOCUMENT' }))
  })

  test('no error repeats the file name', () => {
    for (const head of [TEXT, ZIP, PDF]) {
      for (const extension of ['pdf', 'txt', 'docx', 'bin']) {
        try {
          sniff(head, { fileName: `Kuendigung-Erika-Mustermann.${extension}` })
        } catch (error) {
          expect(JSON.stringify([String(error), error])).not.toContain('Mustermann')
        }
      }
    }
    expect.hasAssertions()
  })
})
