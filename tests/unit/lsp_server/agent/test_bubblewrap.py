"""The sandbox's command line, and what is said of what it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.agent.bubblewrap import MIB, Layout, Limits, arguments
from lsp_server.agent.containment import find_contained

LAYOUT = Layout(
    copy="/copies/1",
    place="/home/u/shop",
    report="/copies/report",
    inside="/sparrow/inside",
    read_only=("/home/u/shop/.venv", "/usr", "/home/u/python", "/etc/passwd"),
    links={"/bin": "usr/bin"},
)


def test_the_command_line() -> None:
    limits = Limits(
        memory_bytes=100 * MIB,
        processes=7,
        file_bytes=MIB,
        disk_bytes=5 * MIB,
        scratch_bytes=2 * MIB,
    )
    assert " ".join(arguments(LAYOUT, limits, ("python", "-m", "pytest"), 9)).split(" --") == [
        "--unshare-all",
        "unshare-user",
        "disable-userns",
        "cap-drop ALL",
        "die-with-parent",
        "new-session",
        "hostname sandbox",
        "info-fd 9",
        "size 2097152",
        "tmpfs /tmp",
        "dir /tmp/home",
        "ro-bind /etc/passwd /etc/passwd",
        "ro-bind /home/u/python /home/u/python",
        "ro-bind /usr /usr",
        "symlink usr/bin /bin",
        "proc /proc",
        "ro-bind /proc/sys /proc/sys",
        "dev /dev",
        "size 2097152",
        "tmpfs /dev/shm",
        "remount-ro /dev",
        "ro-bind /sparrow/inside /run/sparrow/inside",
        "bind /copies/report /run/sparrow/report",
        "bind /copies/1 /home/u/shop",
        "ro-bind /home/u/shop/.venv /home/u/shop/.venv",
        "remount-ro /",
        "chdir /home/u/shop",
        " nice -n 5 prlimit",
        "nproc=7",
        "fsize=1048576",
        "data=104857600",
        "core=0",
        " /bin/sh /run/sparrow/inside/run.sh /run/sparrow/report python -m pytest",
    ]


def test_only_the_copy_and_the_report_are_bound_writable() -> None:
    argv = arguments(LAYOUT, Limits(), ("true",))
    bound = [argv[at + 1] for at, it in enumerate(argv) if it in ("--bind", "--dev-bind")]
    assert bound == ["/copies/report", "/copies/1"]
    assert not {"--share-net", "--bind-try", "--cap-add"} & set(argv)


SNMP = "Ip: Forwarding OutNoRoutes\nIp: 1 {}\nUdp: InDatagrams NoPorts\nUdp: 0 {}\n"


@pytest.mark.parametrize(
    ("left", "network", "output", "expected"),
    [
        ("", SNMP.format(0, 0), "2 passed", ()),
        ("", SNMP.format(1, 0), "", ("it was kept from the network, once",)),
        ("", SNMP.format(1, 2), "", ("it was kept from the network, 3 times",)),
        ("", "Ip: OutNoRoutes\nIp: many\n", "", ()),
        ("", "Ip: OutNoRoutes\n", "", ()),
        ("(sleep)\n(sh)\n(sleep)\n", "", "", ("what it left running was ended: sh, sleep",)),
        (
            "".join(f"({it})\n" for it in "abcdefg"),
            "",
            "",
            ("what it left running was ended: a, b, c, d, e and 2 more",),
        ),
        (
            "",
            "",
            "OSError: [Errno 30] Read-only file system: '/usr/x'",
            ("it was kept from writing outside of its copy",),
        ),
        (
            "",
            "",
            "FileNotFoundError: [Errno 2] No such file or directory: '/home/u/.ssh/id_rsa'",
            ("it was kept from the user's home",),
        ),
    ],
)
def test_what_was_stopped_is_said(
    tmp_path: Path, left: str, network: str, output: str, expected: tuple[str, ...]
) -> None:
    (tmp_path / "left").write_text(left)
    (tmp_path / "network").write_text(network)
    assert find_contained("", output, tmp_path) == expected


def test_a_report_may_be_anything(tmp_path: Path) -> None:
    (tmp_path / "left").symlink_to("/etc/passwd")
    (tmp_path / "network").mkdir()
    assert find_contained("it was ended", "", tmp_path) == ("it was ended",)
