import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig, VARIABLES } from '../../../shared/runtime/config.ts'

test('.env.example names every variable that is read, each once, and no other', () => {
  const example = readFileSync(resolve(import.meta.dirname, '../../../.env.example'), 'utf8')
  const named = [...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name)
  expect(named.sort()).toEqual([...VARIABLES].sort())
})

test.each([
  ['a folder of checkpoints inside the data', { DATA_DIR: '/srv/data', CHECKPOINT_DIR: '/srv/data/checkpoints' }, 'CHECKPOINT_DIR'],
  ['the folder of the data itself', { DATA_DIR: '/srv/data', CHECKPOINT_DIR: '/srv/data' }, 'CHECKPOINT_DIR'],
  ['a password in the address of a witness', { CHECKPOINT_URL: 'https://user:secret@witness.example' }, 'CHECKPOINT_URL'],
  ['a token that is no header', { CHECKPOINT_TOKEN: 'two words' }, 'CHECKPOINT_TOKEN'],
])('%s is refused, by its name and not by its value', (_what, environment, name) => {
  expect(() => readConfig(environment)).toThrow(name)
  expect(() => readConfig(environment)).not.toThrow('secret')
})

test('a folder of checkpoints beside the data is taken', () => {
  expect(readConfig({ DATA_DIR: '/srv/data', CHECKPOINT_DIR: '/srv/data-checkpoints' }).CHECKPOINT_DIR).toBe('/srv/data-checkpoints')
})
