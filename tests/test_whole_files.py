"""lab/files.py: a file is written whole or not at all, and one that cannot be written is named."""

import pytest

from lab.files import NotWritten, replacing


def test_replacing_writes_the_whole_file(tmp_path):
    path = tmp_path / "file.txt"
    for content in (b"one", b"two, which is longer", b""):
        with replacing(path) as stream:
            stream.write(content)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, SystemExit])
def test_replacing_leaves_the_old_file_where_writing_fails(tmp_path, stop):
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    with pytest.raises(stop), replacing(path) as stream:
        stream.write(b"new, but not all of i")
        stream.flush()
        assert path.read_bytes() == b"old"
        raise stop
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_leaves_nothing_where_there_was_nothing(tmp_path):
    with pytest.raises(ValueError), replacing(tmp_path / "file.txt"):
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_replacing_gives_the_permissions_of_any_new_file(tmp_path):
    with replacing(tmp_path / "ours"):
        pass
    (tmp_path / "plain").touch()
    modes = {(tmp_path / name).stat().st_mode for name in ("ours", "plain")}
    assert len(modes) == 1


def test_what_cannot_be_written_is_named(tmp_path):
    """By its own name and not its temporary file's, when the disk is full too."""
    path = tmp_path / "file.txt"
    with pytest.raises(NotWritten) as error, replacing(path):
        raise OSError(28, "No space left on device")
    assert (error.value.filename, error.value.strerror) == (str(path), "No space left on device")
    with pytest.raises(FileNotFoundError), replacing(path):
        (tmp_path / "another").read_text()
    path.mkdir()
    with pytest.raises(NotWritten) as error, replacing(path):
        pass
    assert error.value.filename == str(path)


def test_replacing_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError), replacing(tmp_path / "no" / "file.txt"):
        pass
