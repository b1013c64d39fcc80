import canonicalize from 'canonicalize'
import { expect, test } from 'vitest'
import { NamedRules } from '../../../services/compliance/ledger/named-rules.ts'
import { FULL_EVENT } from '../../support/full-event.ts'

const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string]
const { policy, recipient } = FULL_EVENT
const event = (more: Record<string, unknown>) => canonicalize({ ...FULL_EVENT, ...more }) as string
const named = (...bodies: string[]) => {
  const rules = new NamedRules()
  for (const body of bodies) rules.hear(body)
  return rules.sorted().map(({ kind, hash }) => `${kind} ${hash}`)
}

test('a policy, a register of processors and a file of activities are each named once, whichever of them an event leaves out', () => {
  const all = event({ policy: { ...policy, hash: a }, recipient: { ...recipient, register_hash: b }, register_hash: c })
  expect(named(all, all)).toEqual([`activities ${c}`, `policy ${a}`, `processors ${b}`])
  expect(named(event({ policy: null, recipient: null, register_hash: c }))).toEqual([`activities ${c}`])
  expect(named(event({ policy: null, recipient: { ...recipient, register_hash: b }, register_hash: null }))).toEqual([`processors ${b}`])
  expect(named(event({ policy: { ...policy, hash: a }, recipient: null, register_hash: null }))).toEqual([`policy ${a}`])
  expect(named(event({ policy: null, recipient: null, register_hash: null }))).toEqual([])
})

test('what stands in a text, and hashes of other things, name no file', () => {
  const text = `"hash":"${a}","register_hash":"${b}"`
  expect(named(event({ policy: null, recipient: null, register_hash: null, step: text, output_hash: c }))).toEqual([])
  expect(named(`{"hash":"${a}","policy":null}`)).toEqual([])
})

test('an event of before there was a register of activities, and what somebody made of one in the database, keep nobody from reading the rest', () => {
  const old = `{"policy":{"hash":"${a}"},"recipient":{"register_hash":"${b}"}}`
  expect(named(old, `{"policy":{"hash":"${c}"`, `{"policy":{"hash":"${c}"},"register_hash":7}`)).toEqual([`policy ${a}`, `processors ${b}`])
})

test('names of which there are more than a bundle can enclose are refused, not kept in memory', () => {
  const rules = new NamedRules()
  const hear = (at: number) => rules.hear(`{"policy":{"hash":"${at}"}}`)
  for (let at = 0; at < 10_000; at++) hear(at)
  expect(() => hear(10_000)).toThrow(/shorter period/)
  hear(1)
})
