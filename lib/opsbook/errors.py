"""What can go wrong, by what the person has to do next.

Every message says where, what was found, what was expected and what to do. The exit code is part
of the commands' contract: 0 fine, 1 a person is needed, 2 wrong use or settings, 3 not done.
"""


class OpsbookError(Exception):
    """Something a person can put right; the message tells them how."""

    exit_code = 3


class UsageError(OpsbookError):
    """A command was called with something it cannot take."""

    exit_code = 2


class SettingsError(UsageError):
    """A settings file lacks a key or holds a value that cannot be used."""


class ExportError(OpsbookError):
    """A whole export cannot be read; a bad row alone is quarantined instead."""


class TableError(OpsbookError):
    """A table does not hold what `schema` declares: a defect or a file changed by hand."""


class NotebookError(OpsbookError):
    """A notebook did not run to its end; the build stops and the last good site stays."""


class SiteError(OpsbookError):
    """The pages could not be published or rendered."""


class ChainError(OpsbookError):
    """The record of events is not the one that was written; nothing is appended to it."""


class LockedError(OpsbookError):
    """Another run holds what this one needs."""
