import { amount, type Item, lineCents, sum } from '../amount.ts'
import { heading, pairs, paragraph, table, totals } from '../blocks.ts'
import { createPaper, type Paper } from '../paper.ts'

const ITEMS: readonly Item[] = [
  { text: 'Switch „Quitte S24“, 24 Ports, PoE+, inkl. Einbausatz 19 Zoll', quantity: 4, unit: 'Stk.', unitCents: 38900 },
  { text: 'WLAN-Zugangspunkt „Quitte A6“, Deckenmontage', quantity: 18, unit: 'Stk.', unitCents: 14250 },
  { text: 'Datenleitung Cat. 7 liefern, verlegen und messen (Messprotokoll liegt bei)', quantity: 420, unit: 'm', unitCents: 680 },
  { text: 'Inbetriebnahme vor Ort, zwei Techniker, Haus A bis C', quantity: 26, unit: 'Std.', unitCents: 9600 },
  { text: 'Einweisung des Haustechnik-Teams, pauschal', quantity: 1, unit: 'psch.', unitCents: 24000 },
  { text: 'An- und Abfahrt Hamburg – München', quantity: 3, unit: 'Fahrt', unitCents: 5800 },
  { text: 'Fernwartung, 01.10.2026 bis 30.09.2027', quantity: 12, unit: 'Monat', unitCents: 4900 },
]

const DEVICES: readonly (readonly string[])[] = [
  ['Switch „Quitte S24“', 'QS24-26-00418', 'Haus A, Verteilerraum EG', '10.20.0.11'],
  ['Switch „Quitte S24“', 'QS24-26-00419', 'Haus A, Verteilerraum 2. OG', '10.20.0.12'],
  ['Switch „Quitte S24“', 'QS24-26-00423', 'Haus B, Technikraum', '10.20.0.21'],
  ['Switch „Quitte S24“', 'QS24-26-00431', 'Haus C, Technikraum', '10.20.0.31'],
  ['Zugangspunkte „Quitte A6“ (8)', 'QA6-26-11020 bis 11027', 'Haus A, Flure EG bis 3. OG', 'per DHCP'],
  ['Zugangspunkte „Quitte A6“ (6)', 'QA6-26-11031 bis 11036', 'Haus B, Flure und Speisesaal', 'per DHCP'],
  ['Zugangspunkte „Quitte A6“ (4)', 'QA6-26-11040 bis 11043', 'Haus C, Tagespflege', 'per DHCP'],
]

/** A German invoice: net, 19 % tax and gross add up, cash discount, delivered devices on the second page. */
export function renderRechnung(): Promise<Uint8Array> {
  const paper = createPaper({
    title: 'Rechnung 2026-0173',
    author: 'Quittenbaum Netzwerktechnik GmbH',
    language: 'de-DE',
    madeAt: new Date('2026-09-14T07:30:00Z'),
    family: 'sans',
    sizePt: 9.5,
    accent: '#1f5f4a',
    runningHead: 'Quittenbaum Netzwerktechnik GmbH · Rechnung 2026-0173 vom 14.09.2026',
    foot: [
      [
        'Quittenbaum Netzwerktechnik GmbH',
        'Kupferrosenweg 14, 20099 Hamburg',
        'Geschäftsführung: Rieke Ahlvers',
        'Amtsgericht Hamburg, HRB 990417',
      ],
      ['Telefon: 040 66969-140', 'E-Mail: rechnung@quittenbaum.example', 'www.quittenbaum.example'],
      ['Sparhafen Genossenschaftsbank eG', 'IBAN: DE78 9005 0012 0047 1101 73', 'USt-IdNr.: DE990417302', 'Steuernummer: 99/417/03020'],
    ],
    pageLabel: (number, count) => `Seite ${number} von ${count}`,
  })
  letterhead(paper)
  addresses(paper)
  body(paper)
  annex(paper)
  return paper.finish()
}

function letterhead(paper: Paper): void {
  paper.disc(paper.left + 13, 52, 13, '#e3b53b')
  paper.box(paper.left + 11, 34, 4, 9, paper.accent)
  paper.put('Quittenbaum Netzwerktechnik GmbH', paper.left + 36, 40, { weight: 'bold', sizePt: 15, color: paper.accent })
  paper.put('Netze, die niemand bemerkt.', paper.left + 36, 58, { weight: 'italic', sizePt: 9, color: '#666666' })
  paper.rule(78, paper.accent)
}

function addresses(paper: Paper): void {
  paper.y = 108
  paper.put('Quittenbaum Netzwerktechnik GmbH · Kupferrosenweg 14 · 20099 Hamburg', paper.left, paper.y, { sizePt: 7, color: '#666666' })
  const recipient = [
    'Rechnungsempfänger:',
    'Fliederhof Pflegedienste gGmbH',
    'Buchhaltung, Frau Jorinde Maiwald',
    'Am Fliederhof 3',
    '80333 München',
    'USt-IdNr. des Kunden: DE990588145',
  ]
  for (const [index, line] of recipient.entries())
    paper.put(
      line,
      paper.left,
      122 + index * 14,
      index === 0 ? { sizePt: 8, color: '#555555' } : { weight: index === 1 ? 'bold' : 'regular' },
    )
  paper.y = 122
  pairs(
    paper,
    [
      ['Rechnungsnummer:', '2026-0173'],
      ['Rechnungsdatum:', '14.09.2026'],
      ['Leistungszeitraum:', '17.08. bis 04.09.2026'],
      ['Fällig am:', '14.10.2026'],
      ['Kundennummer:', 'K-20418'],
      ['Ihre Bestellung:', 'B-7719 vom 29.06.2026'],
    ],
    paper.left + 268,
    92,
  )
  paper.y = 236
}

function body(paper: Paper): void {
  const { netCents, taxCents, grossCents } = sum(ITEMS, 19)
  const discountCents = Math.round(grossCents * 0.02)
  heading(paper, 'Rechnung 2026-0173', { sizePt: 16 })
  paragraph(
    paper,
    'Sehr geehrte Frau Maiwald, für die Erneuerung des Hausnetzes in den Häusern A bis C berechnen wir Ihnen wie vereinbart:',
  )
  table(
    paper,
    [
      { title: 'Pos.', width: 32 },
      { title: 'Bezeichnung', width: 229 },
      { title: 'Menge', width: 66, align: 'right' },
      { title: 'Einzelpreis €', width: 70, align: 'right' },
      { title: 'Betrag €', width: 74.28, align: 'right' },
    ],
    ITEMS.map((item, index) => [
      String(index + 1),
      item.text,
      `${item.quantity} ${item.unit}`,
      amount(item.unitCents, 'de'),
      amount(lineCents(item), 'de'),
    ]),
  )
  totals(paper, [
    ['Nettobetrag:', `${amount(netCents, 'de')} EUR`],
    ['zzgl. 19 % Umsatzsteuer:', `${amount(taxCents, 'de')} EUR`],
    ['Gesamtbetrag (brutto):', `${amount(grossCents, 'de')} EUR`],
  ])
  heading(paper, 'Zahlung')
  paragraph(
    paper,
    'Zahlungsziel: 30 Tage netto, also bis zum 14.10.2026. ' +
      `Bei Zahlung bis zum 24.09.2026 gewähren wir 2 % Skonto (${amount(discountCents, 'de')} EUR); ` +
      `zu zahlen sind dann ${amount(grossCents - discountCents, 'de')} EUR. ` +
      'Bitte geben Sie als Verwendungszweck die Rechnungsnummer und Ihre Kundennummer an.',
  )
  pairs(
    paper,
    [
      ['Kontoinhaber:', 'Quittenbaum Netzwerktechnik GmbH'],
      ['IBAN:', 'DE78 9005 0012 0047 1101 73'],
      ['Bank:', 'Sparhafen Genossenschaftsbank eG'],
    ],
    paper.left,
    92,
  )
  paper.y += 8
}

function annex(paper: Paper): void {
  paper.breakPage()
  heading(paper, 'Anlage: gelieferte Geräte')
  table(
    paper,
    [
      { title: 'Gerät', width: 135 },
      { title: 'Seriennummer', width: 128 },
      { title: 'Standort', width: 138 },
      { title: 'Adresse', width: 70.28 },
    ],
    DEVICES,
  )
  heading(paper, 'Gewährleistung und Service')
  paragraph(
    paper,
    'Die Gewährleistung auf gelieferte Geräte beträgt 24 Monate ab Abnahme; die Abnahme erfolgte am 04.09.2026 durch Herrn Tjark Wesseling. ' +
      'Defekte Zugangspunkte tauschen wir während der Gewährleistung binnen drei Werktagen vor Ort aus. ' +
      'Störungen melden Sie bitte unter 040 66969-144 oder an stoerung@quittenbaum.example und nennen dabei die Seriennummer des Gerätes.',
  )
  paragraph(
    paper,
    'Die gelieferten Waren bleiben bis zur vollständigen Bezahlung unser Eigentum. ' +
      'Diese Rechnung ist nach § 14b UStG acht Jahre aufzubewahren und wurde maschinell erstellt; sie ist ohne Unterschrift gültig.',
  )
}
