"""How `web.crawl` reads a site, each part in a module of its own.

- values in, values out: `urls`, `guard`, `frontier`, `pages`, `describing`, `starting`, `findings`,
  `content_types`
- the network, one URL at a time: `transport`, `pacing`, `codings`, `fetching`, `robots`
- HTML, read in a process of its own: `parsing`, `page_parser`, `charsets`
- the waves of a crawl: `crawl`
- what is made of what was found: `outputs`, `tables`, `report`, `link_graph`, `layout`, `drawing`
"""
