"""Repairs what an outage has left behind, and takes in the dead letters.

`verdict` decides what becomes of a dead-lettered message (pure), `intake` carries that out,
`repairs` finds what the ledger says and the broker does not know, `rounds` does all of it, again
and again. Safe to run anywhere, any number of times: every change is one of the ledger's steps.
"""
