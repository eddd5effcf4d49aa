"""How `web.crawl` reads a site; its modules by what they do.

- values in, values out: `urls`, `guard`, `frontier`, `pages`, `describing`, `starting`, `findings`,
  `content_types`
- the network, one URL at a time: `transport`, `pacing`, `codings`, `fetching`, `robots`
- HTML, read in a separate process: `parsing`, `page_parser`, `charsets`
- the waves of a crawl: `crawl`
- the files made from the findings: `outputs`, `tables`, `report`, `link_graph`, `layout`, `drawing`
"""
