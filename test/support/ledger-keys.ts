import { formatSigningKey, verifierKeyOf } from '../../shared/ledger/note-keys.ts'

export const ORIGIN = 'greffier.example/tenant'
const key = (name: string, byte: number) => formatSigningKey(name, new Uint8Array(32).fill(byte))
export const KEYS = { first: key(ORIGIN, 1), second: key(ORIGIN, 2), stranger: key(ORIGIN, 9) }
export const VKEYS = { first: verifierKeyOf(KEYS.first), second: verifierKeyOf(KEYS.second), stranger: verifierKeyOf(KEYS.stranger) }
