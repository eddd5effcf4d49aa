"""How `web.crawl` reads a site: addresses it may reach, fetching, reading, findings and outputs.

urls, guard, frontier, pages, findings   values in, values out
transport, pacing, fetching, robots      the network, one URL at a time
parsing, page_parser                     HTML, read in a process of its own
crawl                                    the waves of a crawl
tables, report, layout, drawing          what is made of what was found
"""
