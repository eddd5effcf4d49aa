"""A web server that is told to stop keeps nobody hanging."""

from contextlib import ExitStack

from websockets.sync.client import ClientConnection, connect

from tests.integration.annex.system import Annex

MANY = 100


def close_code_of(socket: ClientConnection) -> int | None:
    """What the server says at the end."""
    for _ in socket:
        pass
    return socket.close_code


def test_open_sockets_are_told_that_the_server_goes(annex: Annex) -> None:
    """Cut off without a word they would have no close code of the server's."""
    annex.start_web()
    with ExitStack() as stack:
        address = f"ws://127.0.0.1:{annex.web_port}/api/v1/socket?scope=all"
        sockets = [stack.enter_context(connect(address)) for _ in range(MANY)]

        annex.stop_process("web")

        assert {close_code_of(socket) for socket in sockets} == {1001}
