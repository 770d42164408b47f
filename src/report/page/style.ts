/** Style of the report for wide screens, phones and paper. */
export const STYLE = `
:root{color-scheme:light;--ink:#222;--faint:#5f5f5f;--rule:#e0e0e0;--blue:#0072b2}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header,footer{max-width:1248px;margin:0 auto;padding:0 24px}
header{padding-top:28px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:44px 0 10px;padding-top:14px;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:26px 0 6px;overflow-wrap:anywhere}
p{max-width:75ch;margin:6px 0 12px}
a{color:var(--blue)}
.faint,.lead{color:var(--faint)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:6px 24px;margin:16px 0;font-size:.9rem}
.facts dt{color:var(--faint);font-size:.8rem}
.facts dd{margin:0;overflow-wrap:anywhere}
nav ul{display:flex;flex-wrap:wrap;gap:2px 18px;list-style:none;padding:0;margin:14px 0 0;font-size:.9rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(205px,1fr));gap:12px;margin:14px 0}
.card{border:1px solid var(--rule);border-radius:6px;padding:12px 14px}
.card h3{margin:0;font-size:.85rem;font-weight:600;color:var(--faint)}
.card p{margin:0;font-size:.82rem;color:var(--faint)}
.card p.value{color:var(--ink);font-size:1.7rem;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums}

figure{margin:14px 0 22px}
figure svg{display:block;max-width:100%;height:auto}
figcaption{font-size:.88rem;color:var(--faint);max-width:75ch}
.scroll{overflow-x:auto;margin:10px 0 18px}
table{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--faint);padding-bottom:6px}
th,td{padding:5px 9px;border-bottom:1px solid var(--rule);text-align:left;white-space:nowrap}
th.number,td.number{text-align:right}
thead th{font-weight:600;white-space:normal;vertical-align:bottom;border-bottom:2px solid #bbb}
tbody th{font-weight:400;max-width:22ch;overflow:hidden;text-overflow:ellipsis}
tbody tr:hover{background:#f6f8fa}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
th button::after{content:"↕";color:#aaa;padding-left:4px}
th[aria-sort=ascending] button::after{content:"↑";color:var(--ink)}
th[aria-sort=descending] button::after{content:"↓";color:var(--ink)}
details{margin:10px 0}
summary{cursor:pointer;color:var(--blue)}
dl.definitions dt{font-weight:600;margin-top:10px}
dl.definitions dd{margin:0;max-width:75ch}
footer{margin:44px auto;padding-top:14px;border-top:1px solid var(--rule);font-size:.85rem;color:var(--faint)}
:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
@media (max-width:800px){
main,header,footer{padding-left:16px;padding-right:16px}
.picture svg{max-width:900px}
.cards{grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}
}
@media print{
.picture svg{max-width:100%}
body{font-size:10pt}
nav,th button::after{display:none}
h2,h3,caption,figcaption{break-after:avoid}
figure,.card,tr{break-inside:avoid}
.scroll{overflow:visible}
table{font-size:7.5pt}
th,td{padding:2px 6px}
a{color:inherit;text-decoration:none}
}
`

/** Turns table headings into sort buttons. Without scripting, the tables stay unsorted. */
export const SCRIPT = `
for (const table of document.querySelectorAll('table')) {
  const heads = [...table.tHead.rows[0].cells]
  heads.forEach((head, column) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.append(...head.childNodes)
    head.append(button)
    button.addEventListener('click', () => {
      const isDown = head.getAttribute('aria-sort') === 'ascending'
      for (const other of heads) other.removeAttribute('aria-sort')
      head.setAttribute('aria-sort', isDown ? 'descending' : 'ascending')
      const body = table.tBodies[0]
      const keyOf = row => {
        const cell = row.cells[column]
        return 'value' in cell.dataset ? (cell.dataset.value === '' ? NaN : Number(cell.dataset.value)) : cell.textContent
      }
      const rows = [...body.rows].map(row => ({ row, key: keyOf(row) }))
      rows.sort(({ key: a }, { key: b }) => {
        if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b)
        const order = typeof a === 'string' ? a.localeCompare(b, undefined, { numeric: true }) : a - b
        return isDown ? -order : order
      })
      body.append(...rows.map(({ row }) => row))
    })
  })
}
`
