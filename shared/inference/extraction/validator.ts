import { Ajv2020 } from 'ajv/dist/2020.js'
import { FieldFormat } from '../../contracts/document-schemas.ts'

/** True where the value fits the schema. */
export type Validate = (value: unknown) => boolean

/** Ajv in strict mode over JSON Schema 2020-12; our formats are judged by what the document says, not by the form of a value. */
export function compileValidator(schema: Readonly<Record<string, unknown>>): { validate: Validate } | { problem: string } {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: false, logger: false })
  for (const format of FieldFormat.options) ajv.addFormat(format, true)
  try {
    const validate = ajv.compile(schema)
    return { validate: (value) => validate(value) === true }
  } catch (error) {
    // Ajv names keywords and patterns of the schema, which are not personal data.
    return { problem: error instanceof Error ? error.message.slice(0, 500) : 'not a JSON Schema' }
  }
}
