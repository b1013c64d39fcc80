import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Config } from '../../shared/runtime/config.ts'
import { DOUBLE_MODELS } from './model-double.ts'

const INFRA = resolve(import.meta.dirname, '../../infra')
const MISTRAL_EU = 'https://api.eu.mistral.ai/v1'

export const API_KEY = 'mistral-key-not-to-be-told'
export const POLICY_FILE = join(INFRA, 'policies/eu-operated.yaml')

/** Mistral's provider, at another address. */
export function providerConfig(baseUrl: string) {
  return {
    MISTRAL_API_KEY: API_KEY,
    MISTRAL_BASE_URL: baseUrl,
    MISTRAL_MODEL: DOUBLE_MODELS.chat,
    MISTRAL_EMBED_MODEL: DOUBLE_MODELS.embed,
  } satisfies Partial<Config>
}

/** The path of the shipped register with this address as Mistral's own in the EU; the run removes it with its temporary folder. */
export function registerWith(baseUrl: string): string {
  const shipped = readFileSync(join(INFRA, 'processors.yaml'), 'utf8')
  const register = shipped.replace(`base_url: ${MISTRAL_EU}`, `base_url: ${baseUrl}`)
  if (register === shipped) throw new Error(`the shipped register has no ${MISTRAL_EU}`)
  return written(`processors-${new URL(baseUrl).port}.yaml`, register)
}

/** The path of a policy that allows everything to everybody. */
export function openPolicy(): string {
  const classes = 'data_classes: [none, personal, special, criminal]'
  return written('open-policy.yaml', `name: open\nversion: 1\nrules:\n  - name: anything\n    when: { ${classes} }\n    allow: true\n`)
}

function written(name: string, text: string): string {
  const path = join(tmpdir(), name)
  writeFileSync(path, text)
  return path
}
