import { amount } from '../amount.ts'
import { heading, pairs, paragraph, table } from '../blocks.ts'
import { createPaper, type Paper } from '../paper.ts'

const OPENING_CENTS = 3821477

type Booking = readonly [booked: string, valued: string, text: string, cents: number]

const BOOKINGS: readonly Booking[] = [
  ['01.10.', '01.10.', 'Dauerauftrag Hausverwaltung Elbkiesel\nMiete Kupferrosenweg 14', -324000],
  ['01.10.', '01.10.', 'Lastschrift Fuhrpark Ebbe & Flut GmbH\nLeasing Transporter, Mandat LS-77120', -61850],
  ['02.10.', '02.10.', 'Gutschrift Kita Wolkenkuckuck e. V.\nRechnung 2026-0168', 418880],
  ['05.10.', '05.10.', 'Überweisung Kabelhof Großhandel GmbH\nRechnung 88-4471', -792145],
  ['05.10.', '05.10.', 'Lastschrift Hansekrähe Versicherung a. G.\nBerufshaftpflicht, 4. Quartal', -38420],
  ['06.10.', '06.10.', 'Gutschrift Reederei Sturmlaterne KG\nRechnung 2026-0170', 1534505],
  ['07.10.', '07.10.', 'Kartenzahlung Tankstelle Am Deich', -11237],
  ['08.10.', '08.10.', 'Gutschrift Theater am Kreidekreis\nRechnung 2026-0171, Rate 1 von 3', 250000],
  ['09.10.', '09.10.', 'Überweisung Prüfhaus Elmsfeuer\nRechnung 5510, Messgerät LM-40', -246330],
  ['12.10.', '12.10.', 'Umsatzsteuer-Vorauszahlung August 2026\nSteuernummer 99/417/03020', -617488],
  ['12.10.', '12.10.', 'Gutschrift Fliederhof Pflegedienste gGmbH\nRechnung 2026-0173, Kundennummer K-20418', 1246525],
  ['14.10.', '14.10.', 'Lastschrift Funkenflug Netz AG\nTelefon und Internet, Oktober', -18904],
  ['15.10.', '15.10.', 'Rückgabe Lastschrift Café Mondkalb\nWartung 09/2026, Konto nicht gedeckt', -14280],
  ['15.10.', '15.10.', 'Entgelt für Rücklastschrift', -350],
  ['16.10.', '16.10.', 'Überweisung Akademie Feuersalamander\nFortbildung Brandschutz, zwei Teilnehmende', -119000],
  ['19.10.', '19.10.', 'Gutschrift Gemeinde Nieder-Nebelau\nRechnung 2026-0174', 879410],
  ['21.10.', '21.10.', 'Überweisung Kabelhof Großhandel GmbH\nRechnung 88-4519', -365960],
  ['22.10.', '22.10.', 'Kartenzahlung Bahnfahrt Hamburg – München', -27180],
  ['26.10.', '26.10.', 'Sozialversicherungsbeiträge Oktober\nKrankenkasse Lindenblüte', -893216],
  ['28.10.', '28.10.', 'Löhne und Gehälter Oktober 2026\nSammler mit 14 Posten', -2912745],
  ['29.10.', '29.10.', 'Gutschrift Sammellastschrift, 23 Posten\nWartungsverträge, 4. Quartal', 1127460],
  ['30.10.', '30.10.', 'Lohnsteuer Oktober 2026\nSteuernummer 99/417/03020', -421830],
  ['30.10.', '31.10.', 'Kontoführung Geschäftskonto „Kogge“, Oktober', -1490],
]

/** A German bank statement: opening balance, bookings with the balance after each, closing balance. */
export function renderKontoauszug(): Promise<Uint8Array> {
  const paper = createPaper({
    title: 'Kontoauszug 10/2026',
    author: 'Sparhafen Genossenschaftsbank eG',
    language: 'de-DE',
    madeAt: new Date('2026-11-02T05:00:00Z'),
    family: 'sans',
    sizePt: 9.5,
    accent: '#14507a',
    runningHead: 'Sparhafen Genossenschaftsbank eG · Kontoauszug Nr. 10/2026 · Konto DE78 9005 0012 0047 1101 73',
    foot: [
      ['Sparhafen Genossenschaftsbank eG', 'Ankerplatz 1, 20099 Hamburg', 'GnR 900500, Amtsgericht Hamburg'],
      ['Kundenservice: 040 66969-500', 'Karte sperren: 040 66969-511', 'www.sparhafen.example'],
      ['Bitte prüfen Sie diesen Auszug.', 'Einwendungen sind binnen sechs', 'Wochen in Textform zu erheben.'],
    ],
    pageLabel: (number, count) => `Seite ${number} von ${count}`,
  })
  head(paper)
  bookings(paper)
  notes(paper)
  return paper.finish()
}

function head(paper: Paper): void {
  paper.disc(paper.left + 14, 52, 14, paper.accent)
  paper.box(paper.left + 6, 51, 16, 3, '#ffffff')
  paper.box(paper.left + 12.5, 42, 3, 20, '#ffffff')
  paper.put('Sparhafen Genossenschaftsbank eG', paper.left + 38, 44, { weight: 'bold', sizePt: 15, color: paper.accent })
  paper.rule(80, paper.accent)
  const recipient = ['Quittenbaum Netzwerktechnik GmbH', 'Kupferrosenweg 14', '20099 Hamburg']
  for (const [index, line] of recipient.entries())
    paper.put(line, paper.left, 112 + index * 14, { weight: index === 0 ? 'bold' : 'regular' })
  paper.y = 100
  pairs(
    paper,
    [
      ['Kontoauszug Nr.:', '10/2026'],
      ['Zeitraum:', '01.10.2026 bis 31.10.2026'],
      ['Erstellt am:', '02.11.2026'],
      ['Kontoinhaber:', 'Quittenbaum Netzwerktechnik GmbH'],
      ['IBAN:', 'DE78 9005 0012 0047 1101 73'],
      ['Kontoart:', 'Geschäftskonto „Kogge“, EUR'],
    ],
    paper.left + 222,
    82,
  )
  paper.y = 196
}

function bookings(paper: Paper): void {
  heading(paper, 'Kontoauszug Oktober 2026', { sizePt: 16 })
  paper.y += 2
  paper.put('Alter Kontostand am 30.09.2026:', paper.left, paper.y, { weight: 'bold' })
  paper.put(`${amount(OPENING_CENTS, 'de')} EUR`, paper.left + paper.width - 5, paper.y, { weight: 'bold' }, 'right')
  paper.y += 24
  let balance = OPENING_CENTS
  const rows = BOOKINGS.map(([booked, valued, text, cents]) => {
    balance += cents
    return [booked, valued, text, `${cents > 0 ? '+' : ''}${amount(cents, 'de')}`, amount(balance, 'de')]
  })
  table(
    paper,
    [
      { title: 'Buchung', width: 48 },
      { title: 'Wert', width: 44 },
      { title: 'Vorgang', width: 233 },
      { title: 'Umsatz EUR', width: 70, align: 'right' },
      { title: 'Kontostand EUR', width: 76.28, align: 'right' },
    ],
    rows,
    { sizePt: 8.5 },
  )
  paper.need(30)
  paper.put('Neuer Kontostand am 31.10.2026:', paper.left, paper.y, { weight: 'bold', sizePt: 11 })
  paper.put(`${amount(balance, 'de')} EUR`, paper.left + paper.width - 5, paper.y, { weight: 'bold', sizePt: 11 }, 'right')
  paper.y += 26
}

function notes(paper: Paper): void {
  const credits = BOOKINGS.filter((booking) => booking[3] > 0)
  const debits = BOOKINGS.filter((booking) => booking[3] < 0)
  const total = (list: readonly Booking[]) =>
    amount(
      list.reduce((sum, booking) => sum + booking[3], 0),
      'de',
    )
  heading(paper, 'Zusammenfassung')
  pairs(
    paper,
    [
      ['Summe der Gutschriften:', `${total(credits)} EUR (${credits.length} Buchungen)`],
      ['Summe der Belastungen:', `${total(debits)} EUR (${debits.length} Buchungen)`],
      ['Eingeräumte Kontoüberziehung:', '25.000,00 EUR'],
      ['Sollzinssatz im Rahmen:', '9,75 % im Jahr'],
      ['Sollzinssatz darüber hinaus:', '13,25 % im Jahr'],
    ],
    paper.left,
    160,
  )
  heading(paper, 'Hinweise')
  paragraph(
    paper,
    'Ab dem 1. Januar 2027 kostet die Kontoführung für das Geschäftskonto „Kogge“ monatlich 16,90 EUR statt bisher 14,90 EUR. ' +
      'Sie können der Änderung bis zum 15. Dezember 2026 widersprechen oder das Konto ohne Frist und ohne Kosten kündigen.',
  )
  paragraph(
    paper,
    'Einlagen sind nach dem Einlagensicherungsgesetz bis zu 100.000 EUR je Kundin und Kunde geschützt. ' +
      'Verlorene Karten sperren Sie rund um die Uhr unter 040 66969-511.',
  )
}
