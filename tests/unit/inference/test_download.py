"""The bytes of a download: from where it stopped, checked, and never taken for complete too early.

Against a server on the loopback, without the hub's own client; with it: `tests/with_vllm`.
"""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import hub
from inference.checkpoints import folder
from inference.download import (
    MARGIN_BYTES,
    check_disk,
    fetch,
    file_digest,
    gigabytes,
    only_one,
    present_bytes,
)
from inference.errors import DownloadFailed
from inference.hub import HubFile, Listing
from tests.fake_hub import (
    COMMIT,
    REPOSITORY,
    WEIGHTS,
    FakeHub,
    checkpoint,
    digest_of,
    random_bytes,
    serving,
)

SIZE = 3_000_000
CONTENT = random_bytes(SIZE)
GB = 10**9
RESOLVE = f"/{REPOSITORY}/resolve/"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with serving(FakeHub(checkpoint(CONTENT))) as served:
        monkeypatch.setattr(hub, "request_headers", lambda: {"authorization": "Bearer none"})
        monkeypatch.setattr(
            hub, "file_url", lambda _, file: f"{served.url}{RESOLVE}{COMMIT}/{file.path}"
        )
        yield served


def listing_of(fake: FakeHub) -> Listing:
    files = (HubFile(path, len(it), digest_of(it)) for path, it in fake.files.items())
    return Listing(REPOSITORY, "main", COMMIT, tuple(files))


def fetched(
    fake: FakeHub, cache: Path, retries: int = 3, pauses: list[tuple[str, float]] | None = None
) -> int:
    """Fetches; gives how many bytes the progress was told of."""
    told: list[int] = []

    def on_pause(reason: str, seconds: float) -> None:
        if pauses is not None:
            pauses.append((reason, seconds))

    delays = (0,) * retries
    asyncio.run(fetch(listing_of(fake), cache, told.append, on_pause, retry_delays_s=delays))
    return sum(told)


def blob(cache: Path, content: bytes = CONTENT) -> Path:
    return folder(cache, REPOSITORY) / "blobs" / digest_of(content)


def partial(cache: Path) -> Path:
    return blob(cache).with_name(f"{blob(cache).name}.incomplete")


def leave_partial(cache: Path, content: bytes) -> None:
    blob(cache).parent.mkdir(parents=True)
    partial(cache).write_bytes(content)


def test_all_files_arrive_under_their_hashes(fake: FakeHub, tmp_path: Path) -> None:
    listing = listing_of(fake)
    assert present_bytes(listing, tmp_path) == 0
    assert fetched(fake, tmp_path) == listing.total_bytes == present_bytes(listing, tmp_path)
    for content in fake.files.values():
        assert blob(tmp_path, content).read_bytes() == content
    assert len([*blob(tmp_path).parent.iterdir()]) == len(fake.files)

    fake.requests.clear()
    assert fetched(fake, tmp_path) == 0
    assert fake.requests == []


def test_a_file_goes_on_where_it_stopped(fake: FakeHub, tmp_path: Path) -> None:
    leave_partial(tmp_path, CONTENT[:1_000_000])
    assert present_bytes(listing_of(fake), tmp_path) == 1_000_000
    assert fetched(fake, tmp_path) == listing_of(fake).total_bytes - 1_000_000
    assert fake.starts == [1_000_000]
    assert blob(tmp_path).read_bytes() == CONTENT


def test_a_connection_that_is_cut_is_taken_up_again(fake: FakeHub, tmp_path: Path) -> None:
    fake.cuts = [1_000_000, 500_000, 0]
    pauses: list[tuple[str, float]] = []
    assert fetched(fake, tmp_path, pauses=pauses) == listing_of(fake).total_bytes
    assert [seconds for _, seconds in pauses] == [0, 0, 0]
    assert all(reason.startswith("peer closed connection") for reason, _ in pauses)
    assert fake.starts == [0, 1_000_000, 1_500_000, 1_500_000]
    assert blob(tmp_path).read_bytes() == CONTENT


def test_progress_gives_new_tries(fake: FakeHub, tmp_path: Path) -> None:
    fake.cuts = [1000] * 10
    assert fetched(fake, tmp_path, retries=1) == listing_of(fake).total_bytes


def test_a_lost_connection_is_told_and_what_has_arrived_is_kept(
    fake: FakeHub, tmp_path: Path
) -> None:
    fake.cuts = [1_000_000, 0, 0, 0, 0]
    with pytest.raises(DownloadFailed, match="the connection to the hub was lost") as caught:
        fetched(fake, tmp_path)
    assert caught.value.hint.startswith("What has arrived is kept")
    assert not blob(tmp_path).exists()
    assert partial(tmp_path).read_bytes() == CONTENT[:1_000_000]
    assert fake.starts == [0, 1_000_000, 1_000_000, 1_000_000]


def test_a_hub_that_asks_for_patience_gets_it(fake: FakeHub, tmp_path: Path) -> None:
    fake.statuses = {f"{RESOLVE}{COMMIT}/{WEIGHTS}": 503}
    with pytest.raises(DownloadFailed, match="lost \\(status 503\\)"):
        fetched(fake, tmp_path)
    assert len([path for _, path, _ in fake.requests if path.endswith(WEIGHTS)]) == 4


def test_a_file_that_ends_too_early_is_not_asked_for_without_end(
    fake: FakeHub, tmp_path: Path
) -> None:
    fake.changed[WEIGHTS] = CONTENT[:1_000_000]
    with pytest.raises(DownloadFailed, match="lost \\(an answer without content\\)"):
        fetched(fake, tmp_path)
    assert fake.starts == [0, *[1_000_000] * 4]
    assert partial(tmp_path).read_bytes() == CONTENT[:1_000_000]


def test_redirects_in_a_circle_are_told(fake: FakeHub, tmp_path: Path) -> None:
    fake.redirects = True
    with pytest.raises(DownloadFailed, match="redirects in a circle") as caught:
        fetched(fake, tmp_path)
    assert "proxy" in caught.value.hint


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_told(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setitem(sys.modules, "socksio", None)
    for name in ("ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(DownloadFailed, match="the proxy that the environment names") as caught:
        hub.list_files(REPOSITORY, "main")
    assert "ALL_PROXY" in caught.value.hint


def test_a_server_without_ranges_sends_it_all_again(fake: FakeHub, tmp_path: Path) -> None:
    fake.knows_ranges = False
    leave_partial(tmp_path, CONTENT[:1_000_000])
    assert fetched(fake, tmp_path) == listing_of(fake).total_bytes - 1_000_000
    assert blob(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (random_bytes(SIZE, seed=2), "is not what the hub says: its hash differs"),
        (CONTENT + b"more", "is longer than the hub says"),
    ],
    ids=["other", "longer"],
)
def test_another_content_is_thrown_away(
    fake: FakeHub, tmp_path: Path, sent: bytes, sentence: str
) -> None:
    fake.changed[WEIGHTS] = sent
    with pytest.raises(DownloadFailed, match=sentence):
        fetched(fake, tmp_path)
    assert not blob(tmp_path).exists()
    del fake.changed[WEIGHTS]
    fetched(fake, tmp_path)
    assert blob(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"x" * 1_000_000, CONTENT + b"more"], ids=["wrong", "long"])
def test_a_wrong_beginning_is_noticed(fake: FakeHub, tmp_path: Path, left: bytes) -> None:
    leave_partial(tmp_path, left)
    if len(left) < SIZE:
        with pytest.raises(DownloadFailed, match="its hash differs"):
            fetched(fake, tmp_path)
    fetched(fake, tmp_path)
    assert blob(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (401, "", f"the hub lets nobody read {REPOSITORY} without signing in"),
        (401, "GatedRepo", f"{REPOSITORY} is gated"),
        (403, "", f"{REPOSITORY} is gated"),
        (404, "EntryNotFound", f"there is no repository {REPOSITORY} on the hub"),
        (410, "", f"the hub refused {REPOSITORY} with status 410"),
    ],
)
def test_a_refusal_is_told(
    fake: FakeHub, tmp_path: Path, status: int, code: str, sentence: str
) -> None:
    fake.statuses, fake.error_code = {RESOLVE: status}, code
    with pytest.raises(DownloadFailed, match=sentence) as caught:
        fetched(fake, tmp_path)
    assert caught.value.hint


def test_a_cache_that_cannot_be_written_is_told(fake: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadFailed, match="cannot be written to: Not a directory") as caught:
        fetched(fake, tmp_path / "file")
    assert caught.value.hint == "Set HF_HUB_CACHE to a folder that you can write to."


def test_a_disk_that_fills_up_is_told(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DownloadFailed, match=r"the disk of .* is full"):
        fetched(fake, tmp_path)


def test_equal_files_are_fetched_once(fake: FakeHub, tmp_path: Path) -> None:
    fake.files["again.safetensors"] = CONTENT
    assert listing_of(fake).total_bytes < SIZE + 1000
    assert fetched(fake, tmp_path) == listing_of(fake).total_bytes


def test_two_downloads_of_one_model_do_not_meet(tmp_path: Path) -> None:
    with (
        only_one(tmp_path, REPOSITORY),
        pytest.raises(DownloadFailed, match="by another process already"),
    ):
        only_one(tmp_path, REPOSITORY)
    with only_one(tmp_path, REPOSITORY), only_one(tmp_path, "birds/robin"):
        pass


@pytest.mark.parametrize(
    ("needed", "free", "refused"),
    [
        (0, 0, False),
        (10 * GB, None, False),
        (10 * GB, 10 * GB + MARGIN_BYTES, False),
        (10 * GB, 10 * GB + MARGIN_BYTES - 1, True),
        (1, MARGIN_BYTES, True),
    ],
)
def test_the_disk_is_asked_first(needed: int, free: int | None, refused: bool) -> None:  # noqa: FBT001
    if not refused:
        check_disk(needed, free, Path("/models"))
        return
    with pytest.raises(DownloadFailed):
        check_disk(needed, free, Path("/models"))


def test_a_full_disk_says_how_much_is_needed() -> None:
    with pytest.raises(DownloadFailed) as caught:
        check_disk(37_500_000_000, 12_340_000_000, Path("/models"))
    assert caught.value.message == (
        "the disk of /models has 12.3 GB free, and 37.5 GB are needed, with 2.0 GB to be left"
    )
    assert caught.value.hint == "Make room, or set HF_HUB_CACHE to a folder on a larger disk."


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0.0 MB"), (1_500_000, "1.5 MB"), (999_999_999, "1,000.0 MB"), (71.9e9, "71.9 GB")],
)
def test_sizes_are_said_as_the_hub_says_them(count: float, said: str) -> None:
    assert gigabytes(count) == said


@pytest.mark.parametrize("content", [b"", b"text\n", b"\0" * 20_000])
def test_hashes_are_those_of_the_hub(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    wanted = digest_of(content)
    assert file_digest(path, HubFile("file", len(content), wanted)) == wanted


def test_git_names_the_empty_file_so(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    known = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert file_digest(path, HubFile("empty", 0, known)) == known
