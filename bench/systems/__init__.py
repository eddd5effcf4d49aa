"""The systems that are compared, each as its own documentation would have it.

system    what the measures need of each
ours      Jobs, as `make run` starts it
earlier   an earlier commit of ours
peers     the others: programs of their own environments, whose code is in `bench.peers`
catalog   the list of all
__main__  the command line
"""
