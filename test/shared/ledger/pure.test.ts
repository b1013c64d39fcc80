import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const FOLDER = new URL('../../../shared/ledger/', import.meta.url)
const FILES = readdirSync(FOLDER)
const ALLOWED = /^(?:\.\/|\.\.\/(?:contracts|policy)\/|@noble\/(?:hashes|ed25519)(?:\/|$)|zod$|canonicalize$)/
/** Names that only Node has, and ways to the outside that a pure function has no use for. */
const FOREIGN =
  /'node:|\b(?:Buffer|process\.|require\(|__dirname|__filename|setImmediate|fetch\(|Date\.now|new Date\b|Math\.random|console\.|import\.meta|import\()/

test.each(FILES)('%s imports nothing but what a browser can load, and does nothing but compute', (file) => {
  const source = readFileSync(new URL(file, FOLDER), 'utf8')
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  for (const [, specifier = ''] of code.matchAll(/\bfrom '([^']+)'/g)) expect(specifier).toMatch(ALLOWED)
  expect(code.match(FOREIGN)?.[0]).toBeUndefined()
  expect(code).not.toMatch(/^import '/m)
})

test('the folder is not empty', () => {
  expect(FILES.length).toBeGreaterThan(10)
})
