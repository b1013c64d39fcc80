import { InvalidArgumentError } from 'commander'
import { z } from 'zod'

/** A parser of one argument; what does not fit is wrong usage, with `complaint`. */
export function parseWith<Schema extends z.ZodType>(schema: Schema, complaint: string): (text: string) => z.infer<Schema> {
  return (text) => {
    const parsed = schema.safeParse(text)
    if (parsed.success) return parsed.data
    throw new InvalidArgumentError(complaint)
  }
}

/** A moment as an argument, ISO 8601 in UTC. */
export const parseTime = parseWith(z.iso.datetime(), 'not a time such as 2026-11-01T00:00:00Z')

/** The same for values in one argument, separated by commas. */
export function parseList<Schema extends z.ZodType>(schema: Schema, complaint: string): (text: string) => z.infer<Schema> {
  return (text) =>
    parseWith(
      z.preprocess(
        (value) =>
          String(value)
            .split(',')
            .map((part) => part.trim()),
        schema,
      ),
      complaint,
    )(text)
}
