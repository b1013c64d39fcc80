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
