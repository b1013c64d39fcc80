import { isIPv4, isIPv6 } from 'node:net'
import { isLetterOrDigit, matchAt } from './characters.ts'
import type { Candidate } from './finding.ts'
import type { NumberToken, Source } from './source.ts'

/** Eight groups of four and seven colons, or an IPv4 address at the end (RFC 4291, 2.2). */
const IPV6_LENGTH_MAX = 45

/** Sections of documents are numbered from 1 on and rarely get further. */
const SECTION_NUMBER_MAX = 40

/** IPv4 and IPv6 addresses, without port, zone and prefix length. Numbers of versions and sections are left out where they can be told. */
export function* findIpAddresses(source: Source): Generator<Candidate> {
  yield* ipv4(source)
  yield* ipv6(source)
}

const QUAD = /\d{1,3}(?:\.\d{1,3}){3}(?![\p{L}\d_]|\.\d)/uy
const HEADING = /^[.)]?[ \t]+[\p{L}"„“(]/u

function* ipv4(source: Source): Generator<Candidate> {
  const { text } = source
  for (const token of source.tokens) {
    if (text[token.end] !== '.' || token.digits !== token.start || '.-'.includes(text[token.start - 1] ?? ' ')) continue
    const match = matchAt(QUAD, text, token.start)
    if (!match || !isIPv4(match[0]) || isSection(source, token, match[0])) continue
    yield { kind: 'ip', start: token.start, end: token.start + match[0].length, certainty: 'checked' }
  }
}

/** `Version 1.2.3.4`, `Section 4.2.1.3`, `§ 1.2.3.4`, or at the beginning of a line with a heading behind it. */
function isSection(source: Source, token: NumberToken, quad: string): boolean {
  const { text } = source
  if (source.label(token) === 'other' || /[§v] ?$/.test(text.slice(Math.max(0, token.start - 2), token.start))) return true
  if (quad.split('.').some((part) => Number(part) < 1 || Number(part) > SECTION_NUMBER_MAX)) return false
  const lineStart = /(?:^|\n)[ \t]{0,8}$/.test(text.slice(Math.max(0, token.start - 9), token.start))
  const end = token.start + quad.length
  return lineStart && HEADING.test(text.slice(end, end + 8))
}

/** Looks only around colons, and over each stretch of them once. */
function* ipv6({ text }: Source): Generator<Candidate> {
  for (let colon = text.indexOf(':'); colon >= 0; ) {
    let start = colon
    while (colon - start < IPV6_LENGTH_MAX && isHex(text.charCodeAt(start - 1))) start -= 1
    let end = colon
    while (end - start <= IPV6_LENGTH_MAX && (text[end] === ':' || isHex(text.charCodeAt(end)))) end += 1
    if (text[end] === '.') end = (matchAt(QUAD_END, text, end)?.[0].length ?? 0) ? QUAD_END.lastIndex : end
    const address = trimmed(text, start, end)
    if (address && !isLetterOrDigit(text.charCodeAt(start - 1)) && !isLetterOrDigit(text.charCodeAt(address.end)))
      yield { kind: 'ip', ...address, certainty: 'checked' }
    colon = text.indexOf(':', Math.max(end, colon + 1))
  }
}

const QUAD_END = /\.\d{1,3}\.\d{1,3}\.\d{1,3}/y

/** A colon or full stop of the sentence may stand around it. */
function trimmed(text: string, start: number, end: number): { start: number; end: number } | null {
  for (const [from, to] of [
    [start, end],
    [start, end - 1],
    [start + 1, end],
  ] as const) {
    const address = text.slice(from, to)
    if (/[\da-f]/i.test(address) && isIPv6(address)) return { start: from, end: to }
  }
  return null
}

function isHex(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70)
}
