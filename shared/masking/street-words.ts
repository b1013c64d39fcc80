/** Ends of names of streets that are written in one word or behind an adjective: `Hauptstraße`, `Berliner Platz`. Lower case. */
export const STREET_ENDS =
  /(?:stra(?:ß|ss)en?|str\.?|gasse|weg|platz|allee|ring|damm|ufer|chaussee|promenade|straat|laan|plein|gracht|kade|dijk|singel|vej|gade|allé|vägen|gatan|veien|vegen|gata|katu|kuja|polku)$/

/** What stands before `weg` or `platz` in words that are no streets. */
export const NO_STREET_STEMS = new Set(
  'arbeits stell park sitz steh liege lager listen speicher tabellen studien ausbildungs schlaf spiel zelt start um rück heim hin aus dienst beschwerde rechts instanzen verkehrs zahlungs liefer post halb zwischen werk'.split(
    ' ',
  ),
)

/**
 * Words that stand before the name of a street, and where they mean one: an empty list is everywhere, since the word means little else. The number
 * stands behind the name (Spain, Italy, Portugal, Poland) or before it (France).
 */
export const STREET_WORDS: ReadonlyMap<string, readonly string[]> = new Map([
  ...everywhere(
    'rue avenue boulevard chemin impasse faubourg calle avenida avda avda. paseo carretera viale piazza piazzale vicolo rua travessa praça praceta',
  ),
  ...everywhere('ul. ulica ulice nám. náměstí třída aleja plac bulevardul str. strada bd. bld. blvd. utca'),
  ...within(
    ['FR', 'BE', 'CH', 'LU'],
    'place quai cours route square allée allées passage sentier bd av. av résidence voie villa lotissement cité montée',
  ),
  ...within(['ES'], 'plaza camino ronda travesía c/ cl. av. pza. pl. vía'),
  ...within(['IT', 'CH'], 'via corso largo strada v.le p.zza p.za c.so contrada'),
  ...within(['PT'], 'av. alameda largo estrada r. tv. pç.'),
  ...within(['PL'], 'al. pl. os. osiedle'),
  ...within(['HR', 'SI'], 'trg ulica cesta'),
  ...within(['RO'], 'calea aleea șoseaua'),
])

/** Of them, those that stand behind the number. */
export const FRENCH_WORDS = new Set(
  'rue avenue av. av boulevard bd bd. bld. blvd. place chemin allée allées impasse quai cours route square passage sentier faubourg résidence voie villa lotissement cité montée'.split(
    ' ',
  ),
)

/** Written small inside names of streets and towns. */
export const PARTICLES = new Set(
  "a al alla am an auf aux d' da de dei del della delle den der des di do dos du e em en et im in l' la las le les los of op sur sous the till tot und v. van von vor y zu zum zur św. gen. ks. dr. st.".split(
    ' ',
  ),
)

export const ENGLISH_STREETS =
  'Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Close|Court|Square|Terrace|Gardens|Crescent|Boulevard|Blvd|Way|Place|Row|Mews|Grove|Hill|Park|Walk|Quay|Parade|Highway'

function everywhere(words: string): [string, readonly string[]][] {
  return within([], words)
}

function within(countries: readonly string[], words: string): [string, readonly string[]][] {
  return words.split(' ').map((word) => [word, countries])
}
