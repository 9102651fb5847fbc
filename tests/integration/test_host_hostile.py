"""A host among peers that break the protocol, stop in the middle, or say nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path

import pytest

import inference.session
from inference.endpoint import Endpoint
from inference.protocol import (
    FRAME_HEADER,
    MAX_FRAME_BYTES,
    MAX_HELLO_BYTES,
    PROTOCOL_VERSION,
    Delta,
    Generate,
    GetStats,
    GetStatus,
    Goodbye,
    Hello,
    LayoutReady,
    Message,
    Priority,
    PutChunk,
    Refused,
    Tail,
    encode,
)
from inference.sampling import Sampling

from .hostile_peer import GENERATE, Peer, attack, framed
from .hosts import ANSWER, HANG, LAYOUT, ClientOf, Eventually, HostOf, Script, Serve, complete


@pytest.mark.parametrize(
    ("greeted", "said", "code"),
    [
        pytest.param(False, GetStatus(), "authentication_failed", id="no greeting"),
        pytest.param(False, GENERATE, "authentication_failed", id="a request for a greeting"),
        pytest.param(
            False, Hello(PROTOCOL_VERSION, "wrong", ""), "authentication_failed", id="a wrong token"
        ),
        pytest.param(
            False, Hello(PROTOCOL_VERSION, "", ""), "authentication_failed", id="an empty token"
        ),
        pytest.param(
            False, Hello(PROTOCOL_VERSION, "tökén", ""), "authentication_failed", id="not ASCII"
        ),
        pytest.param(
            False, Hello(99, "wrong", ""), "authentication_failed", id="token before version"
        ),
        pytest.param(False, b"GET / HTTP/1.1\r\n\r\n", "frame_too_large", id="another protocol"),
        pytest.param(
            False,
            FRAME_HEADER.pack(MAX_HELLO_BYTES + 1),
            "frame_too_large",
            id="more than a greeting",
        ),
        pytest.param(False, b"\0\0\0\1\xc1", "malformed_message", id="no msgpack at first"),
        pytest.param(
            True, Hello(PROTOCOL_VERSION, "", ""), "malformed_message", id="a second greeting"
        ),
        pytest.param(True, Delta(1, "", 1), "malformed_message", id="a host's message"),
        pytest.param(True, Goodbye("", "", ""), "malformed_message", id="a host's goodbye"),
        pytest.param(True, Refused(1, "", "", ""), "malformed_message", id="a host's refusal"),
        pytest.param(
            True, LayoutReady(b"", (), exact=False), "malformed_message", id="a host's counts"
        ),
        pytest.param(True, b"\0\0\0\0", "malformed_message", id="an empty frame"),
        pytest.param(True, framed("Unknown"), "malformed_message", id="an unknown message"),
        pytest.param(True, framed(*["Cancel", True]), "malformed_message", id="a bool"),
        pytest.param(
            True,
            framed("Generate", 1, b"", ["", ""], [0, 0, 1, None, [], 1, None, None], 0),
            "malformed_message",
            id="sampling out of bounds",
        ),
        pytest.param(
            True,
            framed("PutLayout", [["x" * 1_000_000, "", []]]),
            "malformed_message",
            id="a role of a megabyte",
        ),
        pytest.param(
            True,
            framed("PutLayout", [[b"\0" * 5_000_000, "", []]]),
            "malformed_message",
            id="a role whose repr is over the limit of a frame",
        ),
        pytest.param(
            True,
            b"\0\0\4\16\x92\xa9PutLayout\x91\x93" + b"\x91" * 1022 + b"\1\xa0\x90",
            "malformed_message",
            id="a deep role",
        ),
        pytest.param(
            True, FRAME_HEADER.pack(MAX_FRAME_BYTES + 1), "frame_too_large", id="a large frame"
        ),
        pytest.param(True, b"\xff" * 4, "frame_too_large", id="the largest header"),
    ],
)
async def test_a_peer_that_breaks_the_protocol_is_told_and_closed(  # noqa: PLR0917 - fixtures
    host_of: HostOf,
    client_of: ClientOf,
    script: Script,
    caplog: pytest.LogCaptureFixture,
    greeted: bool,  # noqa: FBT001 - a column of the table
    said: Message | bytes,
    code: str,
) -> None:
    model = script(ANSWER)
    caplog.set_level(logging.WARNING)
    async with host_of(model) as host, client_of(model) as client:
        await client.wait_ready(60)
        peer = await Peer.to(Endpoint.of(model), greeted=greeted)
        peer.say(said, GENERATE)
        refused = await peer.hear_all()
        assert [type(message) for message in refused] == [Refused]
        assert isinstance(refused[0], Refused)
        assert (refused[0].request, refused[0].code) == (None, code)
        assert len(refused[0].message) < 1000
        await peer.close()
        assert await complete(client) == "1 + 1"
        assert host.stats().connections == 1
        assert host.request_count == 1
    assert "Traceback" not in caplog.text
    assert len(caplog.text) < 5000, "nor does the log repeat what was sent"


async def test_a_peer_of_another_version_is_told_what_to_do(
    host_of: HostOf, script: Script
) -> None:
    model = script(ANSWER)
    async with host_of(model):
        peer = await Peer.to(Endpoint.of(model), greeted=False)
        peer.say(Hello(PROTOCOL_VERSION + 1, peer.token, "newer"))
        (refused,) = await peer.hear_all()
        await peer.close()
        assert isinstance(refused, Refused)
        assert refused.code == "version_mismatch"
        assert refused.hint


async def test_a_request_number_in_use_breaks_the_protocol(
    host_of: HostOf, script: Script, eventually: Eventually
) -> None:
    model = script(HANG, ANSWER)
    async with host_of(model) as host:
        peer = await Peer.to(Endpoint.of(model))
        twice = Generate(1, LAYOUT.id, Tail("hang", ""), Sampling(9), Priority.CHAT)
        peer.say(PutChunk("x = 1\n"), LAYOUT.message, twice, twice)
        messages = await peer.hear_all()
        assert ("malformed_message", None) in [
            (message.code, message.request) for message in messages if isinstance(message, Refused)
        ]
        await peer.close()
        await eventually(lambda: host.scheduler.running == 0)


async def test_a_peer_that_says_nothing_is_closed_in_time(
    host_of: HostOf, client_of: ClientOf, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = script(ANSWER)
    loop = asyncio.get_running_loop()
    now, ahead_s = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: now() + ahead_s)
    async with host_of(model), client_of(model) as client:
        await client.wait_ready(60)
        silent = [await Peer.to(Endpoint.of(model), greeted=False) for _ in range(20)]
        for peer in silent[:10]:
            peer.say(b"\0\0")  # half a header
        assert await complete(client) == "1 + 1"
        ahead_s = inference.session.HELLO_TIMEOUT_S
        for peer in silent:
            (refused,) = await peer.hear_all()
            assert isinstance(refused, Refused)
            assert refused.code == "authentication_failed"
            await peer.close()
        assert await complete(client) == "1 + 1"


@pytest.mark.parametrize("way", ["end", "reset"])
@pytest.mark.parametrize("greeted", [True, False])
async def test_a_peer_that_dies_in_mid_frame(  # noqa: PLR0917 - fixtures
    host_of: HostOf,
    client_of: ClientOf,
    script: Script,
    eventually: Eventually,
    greeted: bool,  # noqa: FBT001 - a column of the table
    way: str,
) -> None:
    model = script(ANSWER)
    frame = encode(PutChunk("x" * 1000))
    async with host_of(model) as host, client_of(model) as client:
        await client.wait_ready(60)
        for cut in (1, 3, 4, 5, len(frame) - 1):
            peer = await Peer.to(Endpoint.of(model), greeted=greeted)
            peer.say(frame[:cut])
            if way == "end":
                peer.end()
                assert await peer.hear_all() == []
            await peer.close()
        await eventually(lambda: host.stats().connections == 1)
        assert host.store.chunk_count == 0
        assert await complete(client) == "1 + 1"


async def test_a_peer_that_sends_byte_by_byte_is_understood(
    host_of: HostOf, script: Script
) -> None:
    model = script(ANSWER)
    async with host_of(model):
        peer = await Peer.to(Endpoint.of(model))
        for byte in encode(GetStats()) + encode(GetStatus()):
            peer.say(bytes([byte]))
            await asyncio.sleep(0)
        assert type(await peer.hear()).__name__ == "Stats"
        assert type(await peer.hear()).__name__ == "Status"
        await peer.close()


async def test_a_frame_of_the_largest_size_passes(host_of: HostOf, script: Script) -> None:
    model = script(ANSWER)
    overhead = len(encode(PutChunk("x" * 2**20))) - 2**20 - FRAME_HEADER.size
    async with host_of(model) as host:
        peer = await Peer.to(Endpoint.of(model))
        peer.say(PutChunk("x" * (MAX_FRAME_BYTES - overhead)), GetStatus())
        assert type(await peer.hear()).__name__ == "Status"
        assert host.store.chunk_count == 1
        await peer.close()


async def test_a_host_ends_among_peers_that_do_not_listen(
    host_of: HostOf, script: Script, eventually: Eventually
) -> None:
    model = script({"reply": ["x" * 10_000] * 1000}, load_seconds=0)
    async with host_of(model) as host:
        peers = [await Peer.to(Endpoint.of(model), greeted=each < 2) for each in range(4)]
        for peer in peers[:2]:
            peer.say(PutChunk("x = 1\n"), LAYOUT.message, GENERATE)
        await eventually(lambda: host.generated_tokens > 10)
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < inference.session.READ_PATIENCE_S
    for peer in peers:
        await peer.close()


async def test_ten_thousand_hostile_frames_leave_a_host_as_it_was(
    serve: Serve,
    client_of: ClientOf,
    script: Script,
    eventually: Eventually,
) -> None:
    model = script(HANG, ANSWER)
    host, endpoint = serve(model), Endpoint.of(model)
    await eventually(endpoint.address_file.exists)
    proc = Path(f"/proc/{host.pid}")

    def descriptors() -> int:
        return len(list((proc / "fd").iterdir()))

    def resident_mib() -> float:
        pages = int((proc / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    # Nobody reads what the host says to the test: it would stop on a full pipe.
    assert host.stderr is not None
    said = asyncio.create_task(asyncio.to_thread(host.stderr.read))
    async with client_of(model) as client, asyncio.timeout(150):
        await client.wait_ready(60)
        await asyncio.gather(*(attack(endpoint, seed, 250) for seed in range(4)))
        await eventually(lambda: descriptors() < 20)
        descriptors_before, resident_before_mib = descriptors(), resident_mib()
        connections = sum(
            await asyncio.gather(*(attack(endpoint, seed, 1125) for seed in range(10, 18)))
        )
        assert connections > 1000
        assert await complete(client) == "1 + 1"
        await eventually(lambda: descriptors() <= descriptors_before, "the end of the attack")
        assert resident_mib() - resident_before_mib < 24
        stats = await client.stats()
        assert (stats.running, stats.queued, stats.connections) == (0, 0, 1)
        assert host.poll() is None
    host.terminate()
    log = await said
    assert "Traceback" not in log, log[log.index("Traceback") :][:3000]
    assert "never retrieved" not in log
    assert host.wait(60) == 0


async def test_a_peer_that_vanishes_without_a_word_while_it_is_served(
    host_of: HostOf, client_of: ClientOf, script: Script, eventually: Eventually
) -> None:
    model = script({"reply": ["x" * 1000] * 1000, "delay_ms": 0.1}, load_seconds=0)
    async with host_of(model) as host:
        address = Endpoint.of(model).read_address()
        assert address is not None
        assert address.socket is not None
        for _ in range(5):
            with socket.socket(socket.AF_UNIX) as peer:
                await asyncio.to_thread(peer.connect, address.socket)
                greeting = encode(Hello(PROTOCOL_VERSION, address.token, "vanishing"))
                chunk = encode(PutChunk("x = 1\n"))
                whole = Generate(1, LAYOUT.id, Tail("", ""), Sampling(5000), Priority.CHAT)
                peer.sendall(greeting + chunk + encode(LAYOUT.message) + encode(whole))
                await eventually(lambda: host.scheduler.running == 1)
            await eventually(lambda: host.scheduler.running == 0)
        assert host.stats().connections == 0
        async with client_of(model) as client:
            await client.wait_ready(60)
            assert (await client.stats()).running == 0
