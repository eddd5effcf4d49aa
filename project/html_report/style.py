"""The look of all sheets and pictures: the colours, and the CSS."""

INK = "#181b22"
SOFT = "#596070"
LINE = "#e2e5e0"
GROUND = "#eff1ee"
PAPER = "#f6f7f5"
ACCENT = "#3451d1"
PALE = "#c9d2f6"
WARM = "#c2571a"
GOOD = "#17663b"
BAD = "#b3211f"
AMBER = "#8a4b00"

SERIES = (ACCENT, WARM, "#2f8f6b", "#8a4fbf", "#b58900", "#4f7a94")
"""Colours for several lines in one plot."""

STYLE = """
:root{--ink:#181b22;--soft:#596070;--line:#e2e5e0;--ground:#eff1ee;--paper:#f6f7f5;--accent:#3451d1;
--pale:#c9d2f6;--warm:#c2571a;color-scheme:light}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
main{max-width:72rem;margin:0 auto;padding:2rem 1.25rem 4rem}
header{margin-bottom:1.5rem}
h1{font-size:clamp(1.6rem,1.3rem + 1.4vw,2.25rem);line-height:1.15;letter-spacing:-.02em;margin:0;
overflow-wrap:anywhere;text-wrap:balance}
h2{font-size:1.25rem;letter-spacing:-.01em;margin:2.75rem 0 .25rem}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
p{margin:.4rem 0}
.eyebrow{font-size:.75rem;font-weight:650;letter-spacing:.08em;text-transform:uppercase;
color:var(--accent);margin:0 0 .4rem}
.lead{color:var(--soft);max-width:46rem;margin:.6rem 0 0}
.note{color:var(--soft);font-size:.875rem;max-width:46rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;
margin:1.5rem 0}
.tile,.card{background:#fff;border:1px solid var(--line);border-radius:.875rem}
.tile{padding:.85rem 1rem}
.tile b{display:block;font-size:1.5rem;line-height:1.2;letter-spacing:-.02em;font-weight:650;
font-variant-numeric:tabular-nums;white-space:nowrap}
.tile span{color:var(--soft);font-size:.8125rem}
.tile.main{background:var(--accent);border-color:var(--accent);color:#fff}
.tile.main span{color:#dfe5ff}
.card{padding:1.1rem 1.25rem 1.25rem;min-width:0;break-inside:avoid}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,27rem),1fr));gap:1rem;
margin-top:1rem}
.wide{margin-top:1rem}
.head{display:flex;gap:.6rem;align-items:baseline;justify-content:space-between}
.tag{flex:none;font-size:.75rem;line-height:1.4;font-weight:600;border-radius:1rem;
padding:.1rem .6rem;background:var(--ground);color:var(--soft)}
.tag.number{background:#e9edfd;color:#2f4ac4}.tag.time{background:#e2f3e8;color:#17663b}
.tag.text{background:#fcf0dd;color:#8a4b00}
nav{display:flex;flex-wrap:wrap;gap:.4rem;margin:1.25rem 0 0}
nav a{font-size:.8125rem;color:var(--ink);text-decoration:none;background:#fff;
border:1px solid var(--line);border-radius:1rem;padding:.2rem .7rem;max-width:14rem;overflow:hidden;
text-overflow:ellipsis;white-space:nowrap}
nav a:hover,nav a:focus-visible{border-color:var(--accent);color:var(--accent)}
nav.main a{font-weight:600}
a{color:var(--accent)}
ul.findings{list-style:none;padding:0;margin:.75rem 0 0;display:grid;gap:.5rem}
.findings li{background:#fff;border:1px solid var(--line);border-radius:.6rem;
padding:.6rem .9rem;display:grid;grid-template-columns:5.25rem 1fr;gap:.75rem;align-items:baseline;
overflow-wrap:anywhere}
.findings .level{font-size:.75rem;font-weight:650;border-radius:1rem;text-align:center;
padding:.1rem 0}
.level.serious{background:#fcebe9;color:#b3211f}.level.notable{background:#fcf0dd;color:#8a4b00}
.level.minor{background:var(--ground);color:var(--soft)}.level.good{background:#e2f3e8;color:#17663b}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.2rem,1fr));gap:.55rem 1rem;
margin:.9rem 0 0}
dl div{min-width:0}
dt{color:var(--soft);font-size:.75rem}
dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
figure{margin:.9rem 0 0}
figcaption{color:var(--soft);font-size:.75rem;margin-top:.25rem}
svg{display:block;width:100%;height:auto;font-family:inherit}
.scroll{overflow-x:auto;margin-top:1rem;background:#fff;border:1px solid var(--line);
border-radius:.875rem}
.scroll.bare{border:0;background:none;margin-top:.9rem}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{text-align:left;padding:.5rem .8rem;border-bottom:1px solid var(--line);vertical-align:middle;
white-space:nowrap;max-width:20rem;overflow:hidden;text-overflow:ellipsis}
th{color:var(--soft);font-size:.75rem;font-weight:600;background:#fbfbfa}
tbody tr:last-child td{border-bottom:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td svg{width:7rem;height:1.6rem}
td.none{color:#a3a9b3}
.bars{display:grid;grid-template-columns:minmax(4rem,9.5rem) 1fr auto;gap:.3rem .7rem;
align-items:center;font-size:.8125rem;margin-top:.9rem}
.bars .name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.bars .track{background:var(--ground);border-radius:.25rem;height:.8rem;overflow:hidden}
.bars .fill{display:block;height:100%;background:var(--accent);border-radius:.25rem}
.bars .fill.other{background:#b9bfca}
.bars .n{color:var(--soft);font-variant-numeric:tabular-nums;text-align:right}
.present{display:flex;height:.4rem;border-radius:.2rem;overflow:hidden;background:#f1c9b4;
margin-top:.8rem}
.present i{background:#2f8f6b}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);
font-size:.8125rem}
@media (max-width:30rem){main{padding:1.25rem .9rem 3rem}.tiles{grid-template-columns:1fr 1fr;
gap:.5rem}.tile b{font-size:1.25rem}.card{padding:.9rem}.cards{gap:.75rem}
.findings li{grid-template-columns:1fr;gap:.3rem}.findings .level{justify-self:start;padding:.1rem
.6rem}}
@media print{body{background:#fff;font-size:11px}main{max-width:none;padding:0}nav{display:none}
.cards{grid-template-columns:1fr 1fr}.tile,.card,.scroll{box-shadow:none}h2{break-after:avoid}
.scroll{overflow:visible}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
@page{margin:14mm}
"""
