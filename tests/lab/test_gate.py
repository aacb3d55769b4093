"""The gate before a server: bytes pass, fall silent, come late or are refused; nothing else of it is PostgreSQL's."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dr.lab.engine.gate import Gate, Gatehouse
from dr.lab.engine.passage import Road


class Echo:
    """A server that says everything back, and that says first who it talks to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    @staticmethod
    def _answer(client: socket.socket) -> None:
        with client:
            try:
                while said := client.recv(1 << 16):
                    client.sendall(said)
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def house() -> Iterator[Gatehouse]:
    made = Gatehouse()
    yield made
    made.close()


@pytest.fixture
def road() -> Road:
    return Road()


@pytest.fixture
def gate(house: Gatehouse, road: Road) -> Iterator[Gate]:
    echo, made = Echo(), Gate(house, road)
    made.open(echo.port)
    yield made
    made.close()
    echo.close()


def enter(gate: Gate, timeout: float = 5.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gate.port), timeout=timeout)


def says(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    found = b""
    while len(found) < len(text):
        more = client.recv(1 << 16)
        if not more:
            raise ConnectionError("the connection ended")
        found += more
    return found


def silent(client: socket.socket, text: bytes, seconds: float = 0.3) -> bool:
    """Whether nothing comes back for so long, not even an end."""
    patience = client.gettimeout()
    client.settimeout(seconds)
    try:
        return not says(client, text) and False
    except TimeoutError:
        return True
    finally:
        client.settimeout(patience)


def soon(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_bytes_pass_both_ways_and_connections_count(gate: Gate, road: Road) -> None:
    much = bytes(range(256)) * 20_000
    with enter(gate) as first, enter(gate) as second:
        assert says(first, b"one") == b"one"
        sender = threading.Thread(target=second.sendall, args=(much,))
        sender.start()  # more than the buffers hold: who only sends would wait for ever
        found = bytearray()
        while len(found) < len(much):
            found += second.recv(1 << 16)
        sender.join()
        assert bytes(found) == much
    assert (gate.accepted, road.accepted) == (2, 2)


def test_a_client_that_leaves_is_not_kept(gate: Gate) -> None:
    with enter(gate) as client:
        assert says(client, b"x") == b"x"
        assert len(gate._passages) == 1
    soon(lambda: not gate._passages)


def test_a_blackhole_swallows_and_gives_back(gate: Gate, house: Gatehouse, road: Road) -> None:
    with enter(gate) as client:
        assert says(client, b"before") == b"before"
        house.set(road, "blackhole")
        assert silent(client, b"in it")
        with enter(gate) as newcomer:
            assert silent(newcomer, b"hello")
            assert road.accepted == 2  # the kernel took it, and we counted it
            house.set(road, "open")
            assert newcomer.recv(5) == b"hello"  # the packets come through at last, as after a real outage
        assert client.recv(5) == b"in it"


def test_who_gives_up_in_a_blackhole_is_forgotten(gate: Gate, house: Gatehouse, road: Road) -> None:
    house.set(road, "blackhole")
    with enter(gate) as newcomer:
        newcomer.sendall(b"is anybody there?")
        soon(lambda: len(gate._waiting) == 1)
    soon(lambda: not gate._waiting)


def test_refuse_closes_the_port_and_resets_what_stands(gate: Gate, house: Gatehouse, road: Road) -> None:
    with enter(gate) as client:
        assert says(client, b"x") == b"x"
        house.set(road, "refuse")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    began = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        enter(gate)
    assert time.monotonic() - began < 1
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind(("127.0.0.1", gate.port))  # nobody else gets the port meanwhile
    house.set(road, "open")
    with enter(gate) as client:
        assert says(client, b"again") == b"again"


def test_error_refuses_and_lets_what_stands_end_by_itself(gate: Gate, house: Gatehouse, road: Road) -> None:
    with enter(gate) as client:
        assert says(client, b"x") == b"x"
        house.set(road, "error")
        assert says(client, b"my last words") == b"my last words"
        with pytest.raises(ConnectionRefusedError):
            enter(gate)


def test_slow_delays_every_answer_and_keeps_the_order(gate: Gate, house: Gatehouse, road: Road) -> None:
    with enter(gate) as client:
        house.set(road, "slow", 0.2)
        began = time.monotonic()
        for number in range(20):
            client.sendall(b"%02d" % number)
            time.sleep(0.002)  # so that they travel apart
        found = b""
        while len(found) < 40:
            found += client.recv(100)
        assert found == b"".join(b"%02d" % number for number in range(20))
        assert 0.2 <= time.monotonic() - began < 2
        client.sendall(b"late")
        house.set(road, "open")
        assert client.recv(4) == b"late"


def test_rules_are_asked_for_new_connections_only(gate: Gate) -> None:
    with enter(gate) as client:
        assert says(client, b"x") == b"x"
        asked = []
        gate.admits = lambda address: asked.append(address) or False
        assert says(client, b"still here") == b"still here"
        with enter(gate) as newcomer:
            assert silent(newcomer, b"let me in")
            assert set(asked) == {"127.0.0.1"}
            gate.admits = lambda address: True  # noqa: ARG005
            assert newcomer.recv(9) == b"let me in"


def test_a_shut_gate_keeps_its_port(gate: Gate) -> None:
    port, behind = gate.port, gate._behind
    gate.shut()
    with pytest.raises(ConnectionRefusedError):
        enter(gate)
    assert gate.open(behind) == port
    with enter(gate) as client:
        assert says(client, b"x") == b"x"


def test_without_a_server_behind_it_a_client_is_reset(house: Gatehouse, road: Road) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gate = Gate(house, road)
        gate.open(closed.getsockname()[1])
        with pytest.raises(ConnectionResetError), enter(gate) as client:
            client.recv(1)
        soon(lambda: not gate._passages)
        gate.close()
