"""The page as a person meets it: a real browser, the whole stack behind it, nothing replaced.

Where a network fails, the browser's own means make it fail. Each test has a browser context of its
own, so jobs of its own: tests can run at the same time on one stack.
"""
