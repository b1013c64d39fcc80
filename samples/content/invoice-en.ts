import { amount, type Item, lineCents, sum } from '../amount.ts'

const ITEMS: readonly Item[] = [
  { text: 'Finch Reports, Team plan, September 2026', quantity: 45, unit: 'seats', unitCents: 3800 },
  { text: 'Additional storage, 500 GB', quantity: 3, unit: 'units', unitCents: 2400 },
  { text: 'Onboarding workshop at your Sheffield office, 18 and 19 August', quantity: 2, unit: 'days', unitCents: 64000 },
  { text: 'Migration of tenancy reports from spreadsheets', quantity: 11, unit: 'hours', unitCents: 8500 },
  { text: 'Service credit for the outage of 6 August', quantity: 1, unit: 'credit', unitCents: -5700 },
]

/** A British invoice as it comes by e-mail: HTML with its own styles; net, 20 % VAT and gross add up. */
export function invoiceEn(): string {
  const { netCents, taxCents, grossCents } = sum(ITEMS, 20)
  const rows = ITEMS.map(
    (item) =>
      `      <tr><td>${item.text}</td><td class="n">${item.quantity} ${item.unit}</td>` +
      `<td class="n">${pounds(item.unitCents)}</td><td class="n">${pounds(lineCents(item))}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en-GB">
<head>
  <meta charset="utf-8">
  <title>Invoice LF-2026-4417 from Larkspur &amp; Finch Analytics Ltd</title>
  <style>
    body { font: 15px/1.5 Georgia, serif; color: #222; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
    h1 { color: #35508a; margin-bottom: 0 }
    table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
    th, td { text-align: left; padding: .4rem .5rem; border-bottom: 1px solid #ddd; vertical-align: top }
    th { background: #35508a; color: #fff }
    .n { text-align: right; white-space: nowrap }
    .total { font-weight: bold; font-size: 1.15em }
    footer { color: #666; font-size: .85em; border-top: 1px solid #ddd; margin-top: 2rem }
  </style>
</head>
<body>
  <h1>Invoice LF-2026-4417</h1>
  <p><strong>Larkspur &amp; Finch Analytics Ltd</strong><br>
  Unit 6, Tanglewood Wharf, Bristol BS1 6XX<br>
  VAT number: GB990441216</p>

  <p>Invoice number: LF-2026-4417<br>
  Invoice date: 1 September 2026<br>
  Due date: 22 September 2026<br>
  Customer reference: HHA-PO-30918<br>
  Currency: GBP</p>

  <h2>Bill to</h2>
  <p>Harbourlight Housing Association<br>
  Accounts Payable, Ms Rosalind Thackeray-Moss<br>
  40 Beaconsgate, Sheffield S1 2XX<br>
  Customer VAT number: GB990441258</p>

  <h2>What this invoice is for</h2>
  <table>
    <thead>
      <tr><th>Description</th><th class="n">Quantity</th><th class="n">Unit price</th><th class="n">Amount</th></tr>
    </thead>
    <tbody>
${rows.join('\n')}
    </tbody>
  </table>
  <p>Subtotal (net): ${pounds(netCents)}<br>
  VAT at 20%: ${pounds(taxCents)}</p>
  <p class="total">Total due: ${pounds(grossCents)}</p>

  <h2>How to pay</h2>
  <p>Please pay by bank transfer within 21 days and quote the invoice number.</p>
  <p>Account name: Larkspur &amp; Finch Analytics Ltd<br>
  Sort code: 00-99-44<br>
  Account number: 31926819<br>
  IBAN: GB86 LARK 0099 4431 9268 19</p>
  <p>We charge interest on overdue invoices at 8 per cent a year above the Bank of England base rate.
  If you dispute a line, tell us within 10 days and pay the rest on time.</p>

  <h2>About your plan</h2>
  <p>The Team plan renews every month. You can cancel it, or change the number of seats, up to five working days before the
  end of a month; the change then applies from the first day of the next month. Storage is billed in units of 500 GB and is not refunded
  in the month of cancellation.</p>
  <p>The service credit on this invoice settles the outage of 6 August, when reports could not be opened for 3 hours and 40 minutes.
  The Team plan promises 99.8 per cent availability; the credit is worth one day of all seats.</p>
  <p>Questions about this invoice? Write to billing@larkspurfinch.example or call 0117 496 0318, Monday to Friday, 9 am to 5 pm.</p>

  <footer>
    <p>Larkspur &amp; Finch Analytics Ltd, registered in England and Wales, company number 99044121.
    Registered office: Unit 6, Tanglewood Wharf, Bristol BS1 6XX.</p>
  </footer>
</body>
</html>
`
}

function pounds(cents: number): string {
  return `${cents < 0 ? '-' : ''}£${amount(Math.abs(cents), 'en')}`
}
