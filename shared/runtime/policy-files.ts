import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import canonicalize from 'canonicalize'
import { isMap, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { Activities } from '../policy/activities.ts'
import { PolicyCases } from '../policy/expectations.ts'
import { Policy } from '../policy/policy.ts'
import { PriceList } from '../policy/prices.ts'
import { ProcessorRegister } from '../policy/register.ts'
import { RetentionRules } from '../policy/retention.ts'

const FILE_BYTES_MAX = 4 * 1024 * 1024
const PROBLEMS_MAX = 50

/** Thrown at start with every problem in one message, each as `file:line:column: what is wrong`. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError'
}

/** The register, the file's bytes, and their SHA-256 (hex), which every record of a call names. Throws PolicyFileError. */
export function loadRegister(path: string): { register: ProcessorRegister; registerBytes: Buffer; registerHash: string } {
  const bytes = read(path)
  return { register: parse(path, bytes.toString('utf8'), ProcessorRegister), registerBytes: bytes, registerHash: sha256(bytes) }
}

/** The declared activities, the file's bytes, and their SHA-256 (hex). Throws PolicyFileError. */
export function loadActivities(path: string): { activities: Activities; activitiesBytes: Buffer; activitiesHash: string } {
  const bytes = read(path)
  return { activities: parse(path, bytes.toString('utf8'), Activities), activitiesBytes: bytes, activitiesHash: sha256(bytes) }
}

/**
 * How long documents are kept, and the SHA-256 (hex) of what the rules mean: a comment or a reason that changes makes no other rules. Throws PolicyFileError.
 */
export function loadRetention(path: string): { retention: RetentionRules; retentionHash: string } {
  const retention = parse(path, read(path).toString('utf8'), RetentionRules)
  const rules = retention.rules.map(({ because: _because, ...rule }) => rule)
  return { retention, retentionHash: sha256(Buffer.from(canonicalize(rules) ?? '')) }
}

/** An organisation's own expectations of its policy. Throws PolicyFileError. */
export function loadPolicyCases(path: string): PolicyCases {
  return parse(path, read(path).toString('utf8'), PolicyCases)
}

/** The price list. Throws PolicyFileError. */
export function loadPrices(path: string): PriceList {
  return parse(path, read(path).toString('utf8'), PriceList)
}

/** The policy, the file's bytes, and their SHA-256 (hex). Throws PolicyFileError. */
export function loadPolicy(path: string): { policy: Policy; policyBytes: Buffer; policyHash: string } {
  const bytes = read(path)
  return { policy: parse(path, bytes.toString('utf8'), Policy), policyBytes: bytes, policyHash: sha256(bytes) }
}

/** A policy that somebody sends, and the SHA-256 (hex) of its text; `name` stands where a file's path would. Throws PolicyFileError. */
export function parsePolicy(name: string, text: string): { policy: Policy; policyHash: string } {
  return { policy: parse(name, text, Policy), policyHash: sha256(Buffer.from(text)) }
}

/** The text of a file that somebody else will parse. Throws PolicyFileError. */
export function readPolicyText(path: string): string {
  return read(path).toString('utf8')
}

function read(path: string): Buffer {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new PolicyFileError(`${path}: cannot be read`, { cause })
  }
  if (bytes.length > FILE_BYTES_MAX) throw new PolicyFileError(`${path}: larger than ${FILE_BYTES_MAX} bytes`)
  return bytes
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function parse<Schema extends z.ZodType>(path: string, text: string, schema: Schema): z.infer<Schema> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const at = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}: ${message}`
  }
  // A warning (an unknown tag, say) means that the value is not what its author wrote.
  const broken = [...document.errors, ...document.warnings].map((error) => at(error.pos[0], error.message))
  if (broken.length > 0) throw problems(broken)

  const result = schema.safeParse(document.toJS())
  if (result.success) return result.data
  throw problems(result.error.issues.map((issue) => at(offsetOf(document, issue), `${issue.path.join('.')}: ${issue.message}`)))
}

function problems(list: readonly string[]): PolicyFileError {
  return new PolicyFileError(list.slice(0, PROBLEMS_MAX).join('\n'))
}

/** Where the value stands that the issue is about; where it is missing, the nearest thing around it. */
function offsetOf(document: ReturnType<typeof parseDocument>, issue: z.core.$ZodIssue): number {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))
  if (issue.code === 'unrecognized_keys') {
    const map = document.getIn(path, true)
    const pair = isMap(map) ? map.items.find((item) => String(item.key) === issue.keys[0]) : undefined
    const offset = rangeStart(pair?.key)
    if (offset !== undefined) return offset
  }
  for (let length = path.length; length >= 0; length -= 1) {
    const offset = rangeStart(length === 0 ? document.contents : document.getIn(path.slice(0, length), true))
    if (offset !== undefined) return offset
  }
  return 0
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined
  const start: unknown = node.range[0]
  return typeof start === 'number' ? start : undefined
}
