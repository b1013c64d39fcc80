import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { turningDays } from '../../../shared/policy/turning-days.ts'
import { readConfig } from '../../../shared/runtime/config.ts'
import { explainable, hashRules, loadRules } from '../../../shared/runtime/rules.ts'

const POLICIES = resolve(import.meta.dirname, '../../../infra/policies')

test('the hash of the rules changes on the day on which a fact grows too old for them, and on no day in between', async () => {
  const rules = loadRules(readConfig({ MISTRAL_API_KEY: 'k', POLICY_FILE: join(POLICIES, 'eu-strict.yaml') }))
  const [turn = '', ...others] = turningDays(explainable(rules)).toReversed()
  const hashOn = hashRules(rules)
  expect(hashOn(turn)).toMatch(/^[0-9a-f]{64}$/)
  expect(hashOn(turn)).not.toBe(hashOn(shifted(turn, -1)))
  expect(hashOn(shifted(turn, 400))).toBe(hashOn(turn))
  const [before = ''] = others
  expect(hashOn(shifted(turn, -1))).toBe(hashOn(before))
  await rules.outbound.close()
})

test('where no rule asks how old a fact is and no subprocessor comes or goes, no day changes the hash', async () => {
  const rules = loadRules(readConfig({ POLICY_FILE: join(POLICIES, 'eu-operated.yaml') }))
  const hashOn = hashRules(rules)
  expect(hashOn('2020-01-01')).toBe(hashOn('2040-01-01'))
  await rules.outbound.close()
})

function shifted(day: string, days: number): string {
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10)
}
