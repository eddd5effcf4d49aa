"""The compared systems, each set up as its own documentation recommends.

system    what the measures need of each system
ours      Jobs, as `make run` starts it
earlier   an earlier commit of ours
peers     the others: programs in separate environments; their code is in `bench.peers`
catalog   the list of all
__main__  the command line
"""
