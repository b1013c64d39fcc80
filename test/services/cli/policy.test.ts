import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runCli, withFiles } from './run-cli.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

async function json(args: string[], env: Record<string, string> = {}) {
  const { stdout, stderr, code } = await runCli([...args, '--json'], { env })
  expect([stderr, code]).toEqual(['', 0])
  return JSON.parse(stdout)
}

describe('policy explain', () => {
  test('says of every processor whether it is allowed, by which rule, and what was not met', async () => {
    const { providers, chosen } = await json([
      'policy',
      'explain',
      '--sensitivity',
      'confidential',
      '--data',
      'special',
      '--task',
      'extract',
    ])
    expect(chosen).toBe('builtin')
    expect(providers).toContainEqual({
      processor: 'mistral',
      region: 'eu',
      configured: false,
      allowed: false,
      rule: 'special-and-criminal-stay-inside',
      failed: [{ requirement: 'deployment in in_process, self_hosted', found: 'hosted' }],
    })
    for (const key of ['openai', 'anthropic', 'google-vertex-ai', 'aws-bedrock', 'cohere', 'aleph-alpha'])
      expect(providers.filter((line: { processor: string }) => line.processor === key)).not.toEqual([])
  })

  test('names the first configured provider that is allowed, and nobody where none is', async () => {
    expect((await json(['policy', 'explain'], { MISTRAL_API_KEY: 'k' })).chosen).toBe('mistral')
    expect((await json(['policy', 'explain'], { MISTRAL_API_KEY: 'k', MISTRAL_REGION: 'us' })).chosen).toBe('builtin')
    expect((await json(['policy', 'explain', '--data', 'special'], { MISTRAL_API_KEY: 'k', PROVIDERS: 'mistral' })).chosen).toBeNull()
    const { stdout } = await runCli(['policy', 'explain', '--data', 'special'], { env: { MISTRAL_API_KEY: 'k', PROVIDERS: 'mistral' } })
    expect(stdout).toContain('Nobody would be called')
  })
})

describe('policy test', () => {
  const CASES = `cases:
  - { name: personal data in the EU, data: [personal], processor: mistral, region: eu, expect: allowed, rule: eea-entity-and-region }
  - { name: nothing to the US, data: [none], processor: openai, region: eu, expect: refused }
`
  test('exits with 0 when every expectation holds, and with 3 and a line for each that does not', async () => {
    await withFiles({ 'good.yaml': CASES, 'bad.yaml': CASES.replace('expect: refused', 'expect: allowed') }, async (folder) => {
      expect(await json(['policy', 'test', join(folder, 'good.yaml')])).toMatchObject({ passed: 2, failed: 0 })
      const { code, stdout } = await runCli(['policy', 'test', join(folder, 'bad.yaml')])
      expect(code).toBe(3)
      expect(stdout).toContain('fails  nothing to the US: refused by eea-entity-and-region (reach of foreign law')
    })
  })

  test('a file that does not parse is one error with line and column', async () => {
    await withFiles({ 'cases.yaml': CASES.replace('expect: allowed', 'expect: maybe') }, async (folder) => {
      const { code, stderr } = await runCli(['policy', 'test', join(folder, 'cases.yaml')])
      expect(code).toBe(78)
      expect(stderr).toMatch(/cases\.yaml:2:\d+: cases\.0\.expect/)
    })
  })
})

describe('processors', () => {
  test('list and show print the register; a key that it does not hold is exit code 66', async () => {
    const { processors } = await json(['processors', 'list'])
    expect(processors.map(({ key }: { key: string }) => key)).toContain('aleph-alpha')
    expect(await json(['processors', 'show', 'mistral'])).toMatchObject({ key: 'mistral', legal_entity: { country: 'FR' } })
    expect((await runCli(['processors', 'show', 'nobody'])).code).toBe(66)
  })

  test('matrix --markdown has a row for each processor', async () => {
    const { stdout } = await runCli(['processors', 'matrix', '--markdown'])
    const rows = stdout.split('\n').filter((line) => line.startsWith('|'))
    const keys = readFileSync(join(ROOT, 'infra/processors.yaml'), 'utf8').match(/^ {2}- key: /gm) ?? []
    expect(rows).toHaveLength(keys.length + 2)
    expect(new Set(rows.map((row) => row.split(' | ').length)).size).toBe(1)
  })

  test('check lists what is unverified or older than so many days', async () => {
    const { claims, open } = await json(['processors', 'check'])
    expect(open.every((claim: { confidence: string }) => claim.confidence !== 'verified')).toBe(true)
    expect(open.length).toBeLessThan(claims)
    const old = await json(['processors', 'check', '--days', '0'])
    expect(old.open.length).toBeGreaterThanOrEqual(open.length)
  })
})

describe('advise', () => {
  const ADVISE = ['advise', '--data', 'personal,special', '--sensitivity', 'confidential', '--documents-per-month', '5000']

  test('compares the ways without a server: what the policy allows, euros a month, what stays exposed', async () => {
    const { ways, cheapest_allowed, tokens_per_month } = await json(ADVISE)
    expect(ways.map(({ kind, allowed }: { kind: string; allowed: boolean }) => [kind, allowed])).toEqual([
      ['eu_api', false],
      ['self_hosted', true],
      ['us_provider', false],
      ['us_provider', false],
    ])
    expect(cheapest_allowed).toBe('vLLM on a server of your own')
    expect(tokens_per_month.in.high).toBeGreaterThan(0)
    const { stdout } = await runCli(ADVISE)
    for (const words of [
      'euros a month',
      'What remains exposed:',
      'refused by special-and-criminal-stay-inside: deployment in in_process, self_hosted: hosted',
    ])
      expect(stdout).toContain(words)
  })

  test.each([
    [['advise']],
    [['advise', '--documents-per-month', '0']],
    [[...ADVISE, '--server', 'nobody']],
    [[...ADVISE, '--task', 'sing']],
  ])('%j is wrong usage, said in one line', async (args) => {
    const { code, stderr } = await runCli(args)
    expect(code).toBe(64)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  test('a price list that does not parse is one error with line and column', async () => {
    await withFiles({ 'prices.yaml': 'version: 1\nnotice: mine\nrates: []\nprices:\n  - { processor: mistral }\n' }, async (folder) => {
      const { code, stderr } = await runCli(ADVISE, { env: { PRICES_FILE: join(folder, 'prices.yaml') } })
      expect(code).toBe(78)
      expect(stderr).toMatch(/prices\.yaml:5:\d+: prices\.0\.models/)
    })
  })
})
