/**
 * An English security policy as an intranet page. Navigation, styles and a script stand around the text, as they do on real pages;
 * the script names itself so that a reader can see that it was not read.
 */
export const SECURITY_POLICY = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Information Security Policy · Copperfern Systems</title>
  <style>
    body { font-family: system-ui, sans-serif; margin: 0; color: #1d2433; line-height: 1.55 }
    nav { background: #2b3a67; padding: .8rem 1.5rem } nav a { color: #fff; margin-right: 1.2rem; text-decoration: none }
    main { max-width: 48rem; margin: 2rem auto; padding: 0 1.5rem }
    table { border-collapse: collapse; width: 100% } th, td { border: 1px solid #ccd; padding: .4rem .6rem; text-align: left }
  </style>
  <script>
    window.intranet = { beacon: 'this-script-is-not-part-of-the-policy', page: 'ISP-01', visits: 0 }
    document.addEventListener('DOMContentLoaded', () => { window.intranet.visits += 1 })
  </script>
</head>
<body>
  <nav aria-label="Intranet">
    <a href="/">Home</a> <a href="/people">People</a> <a href="/canteen">Canteen menu</a> <a href="/policies">Policies</a> <a href="/search">Search the intranet</a>
  </nav>
  <main>
    <h1>Information Security Policy</h1>
    <p>Copperfern Systems Limited · Policy ISP-01 · Version 5.2 · Effective date: 1 February 2026</p>
    <p>Owner: Saoirse Quillfeather, Chief Information Security Officer · Next review: 31 January 2027</p>

    <h2>1. Purpose and scope</h2>
    <p>This policy protects the information of Copperfern, its customers and its staff. It binds every employee, contractor and
    temporary worker, on every device that touches company information, wherever the work is done.</p>

    <h2>2. Classification</h2>
    <table>
      <thead><tr><th>Class</th><th>Examples</th><th>May leave the company</th></tr></thead>
      <tbody>
        <tr><td>Public</td><td>Web site, press releases</td><td>Yes</td></tr>
        <tr><td>Internal</td><td>Handbooks, organisation charts</td><td>With the manager's agreement</td></tr>
        <tr><td>Confidential</td><td>Contracts, payroll, source code</td><td>Encrypted, to named recipients under a confidentiality agreement</td></tr>
        <tr><td>Restricted</td><td>Customer data, health data, keys</td><td>Never without the written approval of the CISO</td></tr>
      </tbody>
    </table>
    <p>Information that nobody has classified is treated as confidential.</p>

    <h2>3. Passwords and sign-in</h2>
    <p>Passwords have at least 14 characters and are kept in the company's password manager. They are changed when there is reason to
    believe that somebody else knows them, and not on a schedule.</p>
    <p>A second factor is required for every system that holds confidential or restricted information. Text messages are not accepted as a second
    factor; use the authenticator app or a hardware key.</p>
    <p>An account is locked for 20 minutes after eight failed attempts. Accounts of leavers are closed on their last working day by 18:00.</p>

    <h2>4. Devices</h2>
    <ul>
      <li>Disks are encrypted, and the screen locks after five minutes without use.</li>
      <li>Security updates are installed within seven days of their release, critical ones within 48 hours.</li>
      <li>Private devices may be used for e-mail and calendar only, and only with the company profile installed.</li>
      <li>Removable media are blocked. Exceptions are granted by the service desk for 30 days at a time.</li>
    </ul>

    <h2>5. Customer data and personal data</h2>
    <p>Customer data stays in the European Economic Area. It is never copied to a laptop, a test system or a third-party tool, and it is never
    pasted into an online assistant that the register of processors does not list.</p>
    <p>Access to production is granted for one task at a time, for no more than eight hours, and every session is recorded.
    Recordings and access logs are kept for 13 months.</p>

    <h2>6. Incidents</h2>
    <p>Anybody who loses a device, clicks on a suspicious link or sees something odd must report it within one hour to
    security@copperfern.example or to the duty officer. Nobody is blamed for reporting early.</p>
    <p>The duty officer decides within four hours whether personal data are affected. If so, the data protection officer, Cormac Ashgrove, is
    informed at once, customers are told within 36 hours as their contracts require, and the Data Protection Commission within 72 hours where
    the law requires it.</p>

    <h2>7. Backups</h2>
    <p>Production databases are backed up every night and the logs every ten minutes. Backups are encrypted, stored in two member states, and kept
    for 35 days. A restore is rehearsed every quarter, and the result is reported to the board.</p>

    <h2>8. Suppliers</h2>
    <p>A supplier that processes personal data is assessed before the contract is signed and once a year after that. The assessment covers where the data are
    held, who owns the supplier, its subcontractors and its certificates.</p>

    <h2>9. Training and consequences</h2>
    <p>Everybody completes the security training within 30 days of joining and repeats it once a year. Serious or repeated breaches of this policy can lead to
    disciplinary action, up to dismissal.</p>

    <h2>10. Exceptions</h2>
    <p>Exceptions are requested in writing, approved by the CISO, limited to six months and listed in the exceptions register.</p>
  </main>
  <footer><p>Copperfern intranet, printed pages are not controlled copies.</p></footer>
  <script>fetch('/beacon?page=' + window.intranet.page)</script>
</body>
</html>
`
