import { sql } from 'kysely'

/**
 * The terms of Art. 12(3) in calendar months of UTC, whatever the session's time zone: a request of 31 January is due on the last day of February
 * (Regulation 1182/71, Art. 3(2)(c)). That a term which ends on a Saturday, a Sunday or a holiday may run to the next working day (Art. 3(4)) is left unused:
 * holidays differ from place to place, and earlier is never late.
 */
export function monthsAfter(time: ReturnType<typeof sql<Date>>, months: number) {
  return sql<Date>`((${time} AT TIME ZONE 'UTC') + ${months} * interval '1 month') AT TIME ZONE 'UTC'`
}
