import type { ExtractionSchema, SchemaNode } from './schema.ts'

/**
 * What a model is asked for: the shape of the schema, with every value as what is stated, its quote and its page, or null where the document does not
 * say. Everything is required and nothing more is allowed, as strict modes want it. Numbers are asked for as text: in strict mode some models repeat
 * the digits of a number until they run out of tokens.
 */
export function evidenceSchema({ root }: Pick<ExtractionSchema, 'root'>): Record<string, unknown> {
  return { ...shapeOf(root), $defs: { stated: statedValue({ type: 'string' }) } }
}

function shapeOf(node: SchemaNode): Record<string, unknown> {
  switch (node.kind) {
    case 'object':
      return {
        ...described(node.description),
        type: 'object',
        properties: Object.fromEntries(Object.entries(node.properties).map(([name, child]) => [name, shapeOf(child)])),
        required: Object.keys(node.properties),
        additionalProperties: false,
      }
    case 'list':
      return { ...described(node.description), type: 'array', items: shapeOf(node.item) }
    case 'leaf':
      return { ...described(leafDescription(node)), anyOf: [statedBy(node), { type: 'null' }] }
  }
}

type Leaf = Extract<SchemaNode, { kind: 'leaf' }>

function statedBy({ values }: Leaf): Record<string, unknown> {
  return values ? statedValue({ type: 'string', enum: values }) : { $ref: '#/$defs/stated' }
}

function statedValue(value: Record<string, unknown>): Record<string, unknown> {
  return {
    type: 'object',
    properties: { value, quote: { type: 'string' }, page: { type: 'string' } },
    required: ['value', 'quote', 'page'],
    additionalProperties: false,
  }
}

const FORMS = {
  date: 'YYYY-MM-DD',
  amount: 'a decimal with a dot, without currency',
  quantity: 'a decimal with a dot, without unit',
  currency: 'ISO 4217 code',
  iban: 'without spaces',
  'vat-id': 'with its country letters, without spaces',
  'national-id': 'as it is printed',
  email: '',
  phone: 'as it is printed',
} as const

const TYPE_FORMS = { string: '', number: 'a decimal with a dot', integer: 'a whole number', boolean: 'true or false' } as const

function leafDescription({ description, format, type }: Leaf): string | null {
  const form = format ? FORMS[format] : TYPE_FORMS[type]
  return [description, form].filter((part) => part).join('; ') || null
}

function described(description: string | null): { description?: string } {
  return description === null ? {} : { description }
}
