import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { VARIABLES } from '../../../shared/runtime/config.ts'

test('.env.example names every variable that is read, each once, and no other', () => {
  const example = readFileSync(resolve(import.meta.dirname, '../../../.env.example'), 'utf8')
  const named = [...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name)
  expect(named.sort()).toEqual([...VARIABLES].sort())
})
