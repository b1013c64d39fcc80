import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')
const MIGRATIONS = join(ROOT, 'shared/database/migrations')

test('a migration that a comment names makes what the comment says that it makes', () => {
  const wrong: string[] = []
  let named = 0
  for (const path of globSync('{services,shared}/**/*.ts', { cwd: ROOT })) {
    for (const [said, name = '', number = ''] of readFileSync(join(ROOT, path), 'utf8').matchAll(/(?:`(\w+)` of )?migration (\d{4})/g)) {
      named += 1
      const file = readdirSync(MIGRATIONS).find((one) => one.startsWith(number))
      const made = file === undefined ? '' : readFileSync(join(MIGRATIONS, file), 'utf8')
      if (name === '' || !made.includes(`CREATE FUNCTION ${name}(`)) wrong.push(`${path}: ${said}`)
    }
  }
  expect(wrong).toEqual([])
  expect(named).toBeGreaterThan(0)
})
