"""One running stack, and one sign-up on it, for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.deploy.signup import SignUp, sign_up
from tests.deploy.stack import Stack, free_ports, require_engine


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    require_engine()
    stack = Stack(free_ports())
    try:
        stack.build()
        stack.up()
        yield stack
    finally:
        stack.remove()


@pytest.fixture(scope="session")
def signed_up(stack: Stack) -> SignUp:
    """A person who signed up with a photograph, and whose jobs have ended well."""
    return sign_up(stack, "Ada.Lovelace@example.org")
