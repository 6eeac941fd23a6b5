"""Files that are written whole or not at all, and what is no regular file."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from journals import config

from nasframe import NasframeError, run
from nasframe.storage.files import replace_file, write_atomically, write_output

WRITERS: list[Callable[[Path, bytes], None]] = [write_atomically, write_output]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def python(code: str, *words: object, **streams: object) -> subprocess.CompletedProcess[str]:
    head = (
        "import sys; from pathlib import Path\n"
        "from nasframe.storage.files import replace_file, write_output\n"
        "path = Path(sys.argv[1])\n"
    )
    command = [sys.executable, "-P", "-c", head + code, *map(str, words)]
    return subprocess.run(command, text=True, timeout=60, **streams)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_is_made_and_replaced(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    for data in (b"first", b"second, which is longer", b"3"):
        write(tmp_path / "file.json", data)
        assert (tmp_path / "file.json").read_bytes() == data
    assert names(tmp_path) == ["file.json"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_output(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_permissions_are_kept(tmp_path: Path, mode: int) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(mode)
    write_output(tmp_path / "file", "new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_an_open_file_keeps_what_it_had(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with (tmp_path / "file").open() as reader:
        write_output(tmp_path / "file", "new")
        assert reader.read() == "old"


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_stays_and_its_target_is_replaced(
    tmp_path: Path, write: Callable[[Path, bytes], None]
) -> None:
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "file"
    target.write_text("old")
    target.chmod(0o600)
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "link2").symlink_to("link")
    write(tmp_path / "link2", b"new")
    assert target.read_text() == "new"
    assert not target.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.readlink(tmp_path / "link2") == "link"
    assert (tmp_path / "link").is_symlink()
    assert (names(tmp_path), names(tmp_path / "there")) == (["link", "link2", "there"], ["file"])


def test_a_link_to_what_is_missing_makes_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("missing")
    write_output(tmp_path / "link", "new")
    assert (tmp_path / "missing").read_text() == "new"
    assert (tmp_path / "link").is_symlink()


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(NasframeError, match=r"^cannot write .*a: Too many levels of symbolic"):
        write_output(tmp_path / "a", "new")
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("link", [False, True])
def test_a_fifo_gets_the_bytes_and_stays(tmp_path: Path, link: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "fifo").read_bytes()))
    reader.start()
    write_output(tmp_path / ("link" if link else "fifo"), b"x" * 300_000)
    reader.join(timeout=30)
    assert got == [b"x" * 300_000]
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)
    assert names(tmp_path) == ["fifo", "link"]


def test_a_link_to_a_device_stays_and_so_does_the_device(tmp_path: Path) -> None:
    """Only a link is written: a mistake here must not cost the machine its null device."""
    (tmp_path / "link").symlink_to("/dev/null")
    before = os.lstat("/dev/null")
    write_output(tmp_path / "link", "new")
    after = os.lstat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (before.st_ino, before.st_rdev, before.st_mode) == (
        after.st_ino,
        after.st_rdev,
        after.st_mode,
    )
    assert os.readlink(tmp_path / "link") == "/dev/null"
    assert names(tmp_path) == ["link"]


PRINTING = "print('before'); write_output(path, 'data\\n'); print('after')"


@pytest.mark.parametrize("device", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_as_a_pipe(device: str) -> None:
    done = python(PRINTING, device, stdout=subprocess.PIPE)
    assert done.stdout == "before\ndata\nafter\n"


@pytest.mark.parametrize("device", ["/dev/stdout", "{}"])
def test_standard_output_as_a_file_is_not_replaced(tmp_path: Path, device: str) -> None:
    with (tmp_path / "out").open("w") as out:
        done = python(PRINTING, device.format(tmp_path / "out"), stdout=out)
    assert done.returncode == 0
    assert (tmp_path / "out").read_text() == "before\ndata\nafter\n"
    assert names(tmp_path) == ["out"]


def test_a_reader_that_has_gone_is_told() -> None:
    code = "write_output(path, 'x' * 10**6)"
    process = ["sh", "-c", f'"$0" -P -c "$1" /dev/stdout | head -c 1 >{os.devnull}']
    code = (
        "import sys; from pathlib import Path; from nasframe.storage.files import write_output\n"
        f"path = Path(sys.argv[1])\n{code}"
    )
    done = subprocess.run([*process, sys.executable, code], capture_output=True, text=True)
    assert "cannot write /dev/stdout: Broken pipe" in done.stderr


@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_is_refused(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for name in ("folder", "link"):
        with pytest.raises((NasframeError, IsADirectoryError), match="Is a directory"):
            write(tmp_path / name, b"new")
    assert names(tmp_path) == ["folder", "link"]
    assert names(tmp_path / "folder") == []


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match=r"^cannot write .*file: No such file or directory$"):
        write_output(tmp_path / "missing" / "file", "new")
    write_atomically(tmp_path / "missing" / "more" / "file", b"new")
    assert (tmp_path / "missing" / "more" / "file").read_bytes() == b"new"


def test_an_error_names_the_file_and_not_the_hidden_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Not a directory|File exists") as caught:
        write_atomically(tmp_path / "file" / "below", b"new")
    assert caught.value.filename == str(tmp_path / "file" / "below")


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    for name in ("n" * 255, "é" * 127, "a." + "s" * 253):
        write_output(tmp_path / name, "new")
        assert (tmp_path / name).read_text() == "new"
        (tmp_path / name).unlink()
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(error), replace_file(tmp_path / "file") as part:
        part.write_text("half")
        raise error
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_kill_in_the_middle_leaves_the_old_file(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "file").write_text("old")
    code = (
        "import os, time\n"
        "with replace_file(path) as part:\n"
        "    part.write_text('half')\n"
        "    os.kill(os.getpid(), int(sys.argv[2])); time.sleep(60)"
    )
    done = python(code, tmp_path / "file", int(number), stderr=subprocess.DEVNULL)
    assert done.returncode
    assert (tmp_path / "file").read_text() == "old"
    others = [name for name in names(tmp_path) if name != "file"]
    assert all(name.startswith(".file-") for name in others)
    assert not others or number != signal.SIGINT


def test_kills_at_any_time_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0" * 2_000_000)
    code = (
        "print(flush=True)\n"
        "for i in range(10**6): write_output(path, bytes([48 + i % 10]) * 2_000_000)"
    )
    head = (
        "import sys; from pathlib import Path; from nasframe.storage.files import write_output\n"
        "path = Path(sys.argv[1])\n"
    )
    for delay in (0.0, 0.003, 0.01, 0.02, 0.05):
        command = [sys.executable, "-P", "-c", head + code, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            threading.Event().wait(delay)
            process.kill()
        data = path.read_bytes()
        assert len(data) == 2_000_000
        assert len(set(data)) == 1


def test_threads_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    path, errors = tmp_path / "file", []

    def write(letter: bytes) -> None:
        try:
            for _ in range(30):
                write_output(path, letter * 10_000)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(bytes([65 + i]),)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(data := path.read_bytes()) == 10_000
    assert len(set(data)) == 1
    assert names(tmp_path) == ["file"]


SCRIPT = """
import sys; from pathlib import Path
from nasframe.errors import NasframeError
from nasframe.storage.files import write_output
try:
    write_output(Path(sys.argv[1]), sys.argv[2] * int(sys.argv[3]))
except NasframeError as error:
    print(error); sys.exit(7)
"""


def on_a_disk(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run a shell in which a small disk of its own is mounted; ``$write`` writes a file."""
    try:
        subprocess.run(["unshare", "-rm", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system gives users no file systems of their own (unshare -rm)")
    (folder / "script.py").write_text(SCRIPT)
    (folder / "disk").mkdir()
    text = "\n".join(["set -e", "mount -t tmpfs -o size=64k tmpfs disk", *lines])
    text = text.replace("$write", f"{sys.executable} -P script.py")
    command = ["unshare", "-rm", "sh", "-c", text]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    done = on_a_disk(
        tmp_path,
        "$write disk/file a 10000",
        "$write disk/file b 100000 || test $? = 7",
        "ls -A disk; head -c 3 disk/file; wc -c < disk/file",
    )
    assert done.returncode == 0, done.stderr
    said = "cannot write disk/file: No space left on device"
    assert done.stdout.splitlines() == [said, "file", "aaa10000"]


def test_a_disk_that_may_only_be_read(tmp_path: Path) -> None:
    done = on_a_disk(
        tmp_path,
        "$write disk/file a 3",
        "mount -o remount,ro disk",
        "$write disk/file b 3 || test $? = 7",
        "$write disk/new b 3 || test $? = 7",
        "ls -A disk; cat disk/file",
    )
    assert done.returncode == 0, done.stderr
    said = [f"cannot write disk/{name}: Read-only file system" for name in ("file", "new")]
    assert done.stdout.splitlines() == [*said, "file", "aaa"]


def test_what_may_not_be_written_is_told() -> None:
    """The superuser, who may write everything, becomes nobody for it."""
    nobody = "import os\nif os.geteuid() == 0: os.setuid(65534)\n"
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file").write_text("old")
        (folder / "file").chmod(0o444)
        (folder / "closed").mkdir()
        (folder / "closed").chmod(0o555)
        folder.chmod(0o777)
        for path in ("file", "closed/file"):
            script = SCRIPT.replace("try:", f"{nobody}try:")
            command = [sys.executable, "-P", "-c", script, path, "a", "3"]
            done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
            assert done.stdout == f"cannot write {path}: Permission denied\n", done.stderr
        assert (folder / "file").read_text() == "old"
        assert names(folder / "closed") == []
        assert names(folder) == ["closed", "file"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "a"
    run(config(folder, trials=4, controller="random"))
    return folder


OPTIONS = ("page", "json", "csv", "markdown")


def report(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("nasframe-report")), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


def test_what_a_report_writes_replaces_no_device(study: Path, tmp_path: Path) -> None:
    words = []
    for name in OPTIONS:
        (tmp_path / name).symlink_to("/dev/null")
        words += [f"--{name}", tmp_path / name]
    (tmp_path / "p.svg").symlink_to("/dev/null")
    done = report(study, *words, "--picture", tmp_path / "p.svg", "--pareto", "val_accuracy,macs")
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / name).is_symlink() for name in (*OPTIONS, "p.svg"))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_report_goes_down_a_pipe(study: Path) -> None:
    done = report(study, "--csv", "/dev/stdout")
    page, _, table = done.stdout.partition("Page: ")
    assert page
    assert table.splitlines()[1].startswith("study,trial,")


@pytest.mark.parametrize("option", OPTIONS)
def test_a_folder_in_a_files_place_is_told_in_a_line(
    study: Path, tmp_path: Path, option: str
) -> None:
    done = report(study, f"--{option}", tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"nasframe-report: cannot write {tmp_path}: Is a directory\n"
