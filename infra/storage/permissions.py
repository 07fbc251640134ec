"""Permission bits and group that a site wants on its calibration files, and whether it has them."""

import grp
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from infra.errors import ProfileError, ReleaseError

__all__ = ["Permissions"]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a site's profile says about permissions; None leaves that one as it is."""

    file_mode: int | None = None
    """Permission bits of files, such as ``0o640``."""
    directory_mode: int | None = None
    """Permission bits of folders, such as ``0o750``."""
    group: str | None = None
    """Name of the group that owns both."""

    @classmethod
    def parse(
        cls, file_mode: str | None = None, directory_mode: str | None = None, group: str | None = None
    ) -> "Permissions":
        """Read the modes as a profile writes them: octal text, such as ``"0640"``.

        Raises
        ------
        ProfileError
            A mode is not octal, or gives its owner no way to read what was delivered.
        """
        return cls(
            _mode("file_mode", file_mode, 0o400), _mode("directory_mode", directory_mode, 0o700), group
        )

    def problems(self, path: Path) -> tuple[str, ...]:
        """Say what about ``path`` is not as wanted, such as ``mode 0644, expected 0640``."""
        status = path.stat()
        found = []
        mode, wanted = stat.S_IMODE(status.st_mode), self._wanted_mode(status)
        if wanted is not None and mode != wanted:
            found.append(f"mode {mode:04o}, expected {wanted:04o}")
        if self.group is not None and status.st_gid != self._group_id():
            found.append(f"group {_group_name(status.st_gid)}, expected {self.group}")
        return tuple(found)

    def apply(self, path: Path) -> bool:
        """Give ``path`` the permissions wanted; tell whether anything had to change.

        Raises
        ------
        ReleaseError
            They cannot be changed by this account, or did not stay changed.
        """
        if not self.problems(path):
            return False
        status = path.stat()
        mode = self._wanted_mode(status)
        try:
            if self.group is not None:
                os.chown(path, -1, self._group_id())
            if mode is not None:
                # After chown, which may clear the set-group bit.
                path.chmod(mode)
        except OSError as error:
            raise ReleaseError(
                f"cannot set the permissions of {path}: {error.strerror}",
                f"deliver as the owner of the file (user {status.st_uid}), or correct the remote's profile",
            ) from error
        if remaining := self.problems(path):
            raise ReleaseError(
                f"{path} still has {', '.join(remaining)}", "its file system ignores permission bits"
            )
        return True

    def _wanted_mode(self, status: os.stat_result) -> int | None:
        return self.directory_mode if stat.S_ISDIR(status.st_mode) else self.file_mode

    def _group_id(self) -> int:
        if self.group is None:
            return -1
        try:
            return grp.getgrnam(self.group).gr_gid
        except KeyError:
            raise ReleaseError(
                f"there is no group '{self.group}' on this machine", "correct 'group' in the remote's profile"
            ) from None


def _mode(key: str, text: str | None, needed: int) -> int | None:
    if text is None:
        return None
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777 or mode & needed != needed:
        raise ProfileError(
            f"{key}: '{text}' are not permission bits that let the owner read",
            f"write octal, such as '{needed:04o}'",
        )
    return mode


def _group_name(group_id: int) -> str:
    try:
        return grp.getgrgid(group_id).gr_name
    except KeyError:
        return str(group_id)
